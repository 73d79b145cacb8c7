package session

import "github.com/loraconv/loraconv/core/spec"

// Codes explains the codes that are not about the spec's text.
func Codes() []spec.Code {
	return []spec.Code{
		{Name: "unexpected-parameter", Doc: "A parameter of a source, or a part of it, is used by no output tensor and dropped by nothing. loraconv never leaves weights out in silence. If it may be left out, add a drop block with a reason to the source."},
		{Name: "missing-parameter", Doc: "A row of the plugin's table needs a parameter that the source does not have. Look for a similar name in the message: the checkpoint may be of another model, or damaged."},
		{Name: "unpaired-lora", Doc: "One factor of a LoRA pair is there and the other is not. A pair cannot be merged by halves, and dropping it would lose the fine-tuning."},
		{Name: "shape-mismatch", Doc: "The shapes of a source's parameters contradict one another: an axis that must have one size everywhere does not. The message names the parameters in the minority."},
		{Name: "refused-parameter", Doc: "The source holds a parameter that the framework's own runtime would not merge into a weight, such as a mixture of LoRA experts. No output would be equal to the model."},
		{Name: "used-and-dropped", Doc: "A parameter is read by an output tensor and dropped as well. One of the two is wrong."},
		{Name: "duplicate-name", Doc: "Two rows make one output tensor, or a source holds two parameters of one name."},
		{Name: "bad-name", Doc: "An output tensor's name is empty, too long, or holds control characters."},
		{Name: "plan-invalid", Doc: "A plugin returned a plan that cannot be run. This is a fault of the plugin, not of the spec or the checkpoint: tell its authors."},
		{Name: "alpha-unknown", Doc: "The LoRA's scale is alpha/rank, and nothing says what alpha was. It is not in the checkpoint, and a wrong value cannot be noticed later, so it is never guessed."},
		{Name: "no-lora", Doc: "The spec asks for a merge, and the checkpoint holds no LoRA factor. Perhaps a step without LoRA was named, or method = \"base\" is meant."},
		{Name: "chunks-missing", Doc: "An array has chunks that were never written. Where the checkpoint's format allows that, they read as the fill value, mostly zero; run wants missing_chunks = \"fill\" before it believes that."},
		{Name: "nonfinite", Doc: "A source or a result holds a NaN or an infinity. Name the output tensors where that is meant in allow_nonfinite."},
		{Name: "overflow", Doc: "A finite value became infinite when it was rounded to the output's element type. Use a type with a wider range for that tensor."},
		{Name: "source-not-found", Doc: "A source's path does not exist."},
		{Name: "source-unfinished", Doc: "A source is a save that was never completed: its name carries the suffix of a temporary directory, or its processes were not merged."},
		{Name: "source-corrupt", Doc: "Bytes of a source contradict each other or the format. Damage inside the payload of a chunk often cannot be noticed: the format has no checksum there."},
		{Name: "source-remark", Doc: "The reader of a source noticed something that does not stop a conversion, such as an array that the checkpoint's metadata does not name."},
		{Name: "source-changed", Doc: "A source is not what it was when it was planned, or changed while it was read."},
		{Name: "output-exists", Doc: "Something is at the output path already, and it is not what this conversion would write. -force replaces it."},
		{Name: "output-locked", Doc: "Another run holds the lock of this output."},
		{Name: "no-space", Doc: "The file system has not enough room for the output. Nothing was written."},
		{Name: "not-durable", Doc: "The output is published and complete, but the last flush of its directory failed, so it may not survive a power cut."},
		{Name: "glob-hits-nothing", Doc: "A pattern matches nothing. Patterns match whole names: * within one component, ** across components."},
		{Name: "rule-hits-nothing", Doc: "A rule of a conversion matches none of its output tensors."},
	}
}
