# Every diagnostic's code: what it says, why loraconv says it, and what to do
# next. exit is the exit code that an error of this code asks for (0: it is a
# warning); where a code has several, the first is the usual one. `loraconv
# explain CODE` prints an entry, and DIAGNOSTICS.md is made from all of them.

group "Key accounting" {
  code "unexpected-parameter" {
    exit  = [3]
    means = "A parameter of a source, or a part of it, is used by no output tensor and dropped by nothing."
    why   = "Converters that pass over what they do not know have lost whole fine-tunes. Here every element of every source is used, or dropped for a stated reason."
    next  = "If it may be left out, add drop \"NAME\" { match = [...], reason = \"...\" } to the source. Else the checkpoint is of another model than was detected: see what plan prints under Detected."
  }
  code "missing-parameter" {
    exit  = [3]
    means = "A row of the plugin's table needs a parameter that the source does not have."
    why   = "An output made without it would lack a weight, or hold a wrong one."
    next  = "Look for the similar name in the message. The checkpoint may be of another model, saved in parts, or damaged; loraconv inspect shows what it holds."
  }
  code "unpaired-lora" {
    exit  = [3]
    means = "One factor of a LoRA pair is there and the other is not."
    why   = "A pair cannot be merged by halves, and dropping the half would lose the fine-tuning."
    next  = "Find a save that has both factors. To convert without that LoRA on purpose, drop the factor that is there with a drop block and a reason."
  }
  code "lora-partial" {
    exit  = [3]
    means = "Of an expert's attention or feed-forward modules some have LoRA and some have none, or their ranks differ."
    why   = "OpenPI's models give LoRA of one rank to all modules of such a group or to none, so factors were lost, cut or mixed up: the result would have a part of the fine-tuning."
    next  = "Find a complete save. If the model was trained so, say allow_partial = true in the source's lora block."
  }
  code "shape-mismatch" {
    exit  = [3]
    means = "The shapes of a source's parameters contradict one another: an axis that must have one size everywhere does not."
    why   = "An axis has one meaning throughout a model; two sizes mean that two models were mixed, or that a parameter is transposed."
    next  = "The message names the parameters in the minority: see where they come from."
  }
  code "refused-parameter" {
    exit  = [3]
    means = "The source holds a parameter that the framework's own runtime would not merge into a weight, such as a mixture of LoRA experts."
    why   = "No output would be equal to the model that was trained."
    next  = "Convert another checkpoint, or drop the parameter with a reason and accept that the output is another model."
  }
  code "used-and-dropped" {
    exit  = [3]
    means = "A parameter is read by an output tensor and dropped as well."
    why   = "One of the two is wrong, and loraconv does not choose."
    next  = "Narrow the drop's globs, or mend the row that reads the parameter."
  }
  code "duplicate-name" {
    exit  = [3]
    means = "Two rows make one output tensor, or a source holds two parameters of one name."
    why   = "One of them would overwrite the other."
    next  = "If the spec has rows of its own, give them other targets, or the name of the row that they replace."
  }
  code "bad-name" {
    exit  = [3]
    means = "An output tensor's name is empty, too long, or holds control characters."
    why   = "Such names break the tools that read the output."
    next  = "Mend the target of the row that makes it."
  }
  code "layout" {
    exit  = [3, 1]
    means = "The tensors cannot be laid out in a safetensors file: a name that stands twice, or a type that the format does not have."
    why   = "The file could not be read back."
    next  = "Choose another dtype for the tensor in a rule block of the conversion."
  }
  code "spec-contradicts" {
    exit  = [64, 3]
    means = "Something that the spec or the checkpoint's metadata says is contradicted by the checkpoint's names or shapes."
    why   = "One of the two is wrong, and a wrong guess gives wrong weights without an error."
    next  = "Take the argument out of the spec, so that it is detected, or name the checkpoint that was meant."
  }
  code "adapter-inexpressible" {
    exit  = [3]
    means = "A LoRA lies on a parameter for which PEFT has no form, such as a norm or stacked experts."
    why   = "The exported adapter would lack it, and nobody would notice."
    next  = "Merge it into the weights instead: method = \"merge\"."
  }
  code "template-contradicts" {
    exit  = [3]
    means = "The template and the checkpoint are not of one model: another size, a tensor that only one of them has, or another shape."
    why   = "The runtime builds its modules from the template's config.json and would refuse the weights, or load them wrongly."
    next  = "Name the template of the model that was trained. A tensor that the template has and the checkpoint is not meant to have can be named in absent."
  }
}

group "Sources" {
  code "source-not-found" {
    exit  = [4]
    means = "A source's path does not exist, or a file that the checkpoint speaks of is not in it."
    why   = "There is nothing to read, or not all of it."
    next  = "If a file of the checkpoint is named, copy it again, whole. Else mend the path: a relative one starts at the spec's directory, on the command line at the working directory."
  }
  code "source-unreadable" {
    exit  = [4]
    means = "A source could not be read: the system refused, or its storage failed."
    why   = "The message has the file and the system's own words."
    next  = "Check permissions and the disk; copy the checkpoint again if its storage fails."
  }
  code "source-unfinished" {
    exit  = [4]
    means = "A source is a save that was never completed: its name carries the suffix of a temporary directory, or its processes were not merged."
    why   = "Parts of it may be missing, and nothing in it says which."
    next  = "Name a finished step; loraconv inspect of the run directory lists them."
  }
  code "source-corrupt" {
    exit  = [4]
    means = "Bytes of a source contradict each other or the format."
    why   = "What is damaged in one place is not believed in another. Damage inside the payload of a chunk often cannot be noticed: the format has no checksum there."
    next  = "Copy the checkpoint again from where it was saved, or use another step."
  }
  code "source-format" {
    exit  = [4]
    means = "A path holds nothing that loraconv reads, or not the tree of parameters that this plugin wants."
    why   = "Formats are recognised by their files, never by guessing."
    next  = "Run loraconv inspect on the path, and name the directory that holds the checkpoint or one of its steps."
  }
  code "source-unsupported" {
    exit  = [4]
    means = "A source is valid, but beyond this reader: a remote path, a pickle, a codec or an element type that is not supported."
    why   = "A reader that goes on with half of what it understands gives wrong numbers."
    next  = "Copy a remote checkpoint to a local disk. Save again in a form that is supported; the message names the feature."
  }
  code "source-changed" {
    exit  = [5]
    means = "A source or a template is not what it was when it was planned, or changed while it was read."
    why   = "The plan was proven for other bytes."
    next  = "Wait until nothing writes to it any more, and plan again."
  }
  code "source-remark" {
    exit  = [0]
    means = "The reader of a source noticed something that does not stop a conversion, such as an array that the checkpoint's metadata does not name."
    why   = "It may be the reason when something later looks odd."
    next  = "Read the remark; nothing need be done if it is expected."
  }
  code "chunks-missing" {
    exit  = [4, 0]
    means = "An array has chunks that were never written. Where the checkpoint's format allows that, they read as the fill value, mostly zero."
    why   = "A chunk that was lost looks exactly like one that was never written."
    next  = "Find a complete save. If the zeros are meant, say missing_chunks = \"fill\" in the conversion."
  }
  code "nonfinite" {
    exit  = [4]
    means = "A source or a result holds a NaN or an infinity."
    why   = "Most often the training diverged or the file is damaged, and the model would answer NaN."
    next  = "Use an earlier step. If it is meant, name the output tensors in allow_nonfinite."
  }
  code "side-file" {
    exit  = [4]
    means = "A file beside the weights, such as norm_stats.json, could not be copied."
    why   = "The runtime needs it to run the model."
    next  = "Check that it is a regular file that can be read."
  }
  code "template-unreadable" {
    exit  = [4]
    means = "The directory that an output names as its template cannot be read, or its config.json or index cannot."
    why   = "Config and names of the output come from it."
    next  = "Download the base model's repository again, and name its directory."
  }
  code "no-manifest" {
    exit  = [4]
    means = "verify was given a directory that loraconv did not write, or whose manifest is gone."
    why   = "There is nothing to compare with."
    next  = "Name the output directory itself, or compare two directories with loraconv diff."
  }
}

group "What the spec says" {
  code "alpha-unknown" {
    exit  = [64]
    means = "The LoRA's scale is alpha/rank, and nothing says what alpha was."
    why   = "It is not in the checkpoint, and a wrong value cannot be noticed later, so it is never guessed, also where the rank looks familiar."
    next  = "Look alpha up in the training configuration, and write lora { alpha = ... } into the source."
  }
  code "alpha-invalid" {
    exit  = [64]
    means = "A LoRA's alpha must be a positive number."
    why   = "Zero or less would take the fine-tuning away or turn it round."
    next  = "Write the alpha of the training configuration."
  }
  code "no-lora" {
    exit  = [64]
    means = "The spec asks for a merge or an adapter, and the checkpoint holds no LoRA factor."
    why   = "Writing the base under the name of the fine-tune is the very fault that goes unnoticed."
    next  = "Perhaps a step without LoRA was named; else say method = \"base\"."
  }
  code "no-base" {
    exit  = [64]
    means = "The source of a conversion holds LoRA factors alone."
    why   = "There is nothing to merge them into."
    next  = "Name the base model as source, and this one in adapters."
  }
  code "size-unknown" {
    exit  = [64]
    means = "A size that the names and the order of rows depend on is not known: an adapter was named without its base, and its factors are flat over heads or cover some layers only; or it is how many key heads linear attention has, which no shape tells."
    why   = "A guess would order rows wrongly, and nothing in the file would show it."
    next  = "Name a template, a model, or the base as source."
  }
  code "lora-idle" {
    exit  = [0]
    means = "All low-rank updates of an adapter are zero, so the output is the base."
    why   = "Second factors begin as zeros. A training run that failed before its first step saves them like that, and reports success."
    next  = "Look for a later step, or at the log of the training run."
  }
  code "metadata-unreadable" {
    exit  = [3]
    means = "A checkpoint's own metadata holds another type where the framework writes a number or a text."
    why   = "What it says of the LoRA's rank and alpha cannot be relied on."
    next  = "See loraconv inspect for what it holds, and mend _CHECKPOINT_METADATA or save the checkpoint again."
  }
  code "own-adapter" {
    exit  = [64]
    means = "A conversion names one checkpoint as its source and as an adapter."
    why   = "Its LoRA would be applied twice, or the adapter taken for its own base."
    next  = "Leave adapters out: LoRA that lies beside its base in one checkpoint is merged without them."
  }
  code "no-source" {
    exit  = [64]
    means = "A conversion has no source."
    why   = "There is nothing to convert."
    next  = "Write source = source.PLUGIN.NAME."
  }
  code "no-conversion" {
    exit  = [64]
    means = "A spec holds no conversion, or -only and -except leave none."
    why   = "A run that does nothing should not look like one that succeeded."
    next  = "Check the globs against the conversions' names."
  }
  code "mixed-plugins" {
    exit  = [64]
    means = "The base and an adapter of one conversion belong to different plugins."
    why   = "One plugin knows one framework's names."
    next  = "Declare both sources with the plugin of the framework that trained them."
  }
  code "glob-hits-nothing" {
    exit  = [64, 0]
    means = "A pattern matches nothing."
    why   = "Most often it is misspelt, and what it was meant for goes another way."
    next  = "Patterns match whole names: * within one component, ** across components. loraconv inspect and plan print the names."
  }
  code "rule-hits-nothing" {
    exit  = [0]
    means = "A rule of a conversion matches none of its output tensors."
    why   = "Most often its pattern is misspelt."
    next  = "Compare it with the names that plan prints, or delete the rule."
  }
  code "bad-glob" {
    exit  = [64]
    means = "A pattern cannot be read."
    why   = "Half a pattern would match the wrong names."
    next  = "Write * for a part of one component, ** for any components; brackets and braces must close."
  }
  code "rule-invalid" {
    exit  = [64]
    means = "A row in the rule notation cannot be read or evaluated."
    why   = "A row says how weights are moved; it must be exact."
    next  = "Compare it with a row of the plugin's own table; package core/rule describes the notation."
  }
  code "no-runtime-type" {
    exit  = [64]
    means = "dtype = \"mixed\" is asked of a plugin whose table does not say in which type the runtime keeps a tensor."
    why   = "Another type in its place would be a guess."
    next  = "Say float32, bfloat16, float16 or source."
  }
  code "bad-size" {
    exit  = [64]
    means = "A size in bytes cannot be read."
    why   = "5B and 5GB differ by a thousand million."
    next  = "Write a number with a unit, such as 512MiB, 5GB or 1GiB."
  }
  code "unknown-model" {
    exit  = [64]
    means = "The model is not known, or there is no table of rules for its family."
    why   = "Nothing says what its parameters become."
    next  = "Name the model in the source, as the framework spells it; the message has similar names."
  }
  code "unknown-config" {
    exit  = [64]
    means = "The config that a source names is none of the framework's own."
    why   = "A config's name stands for values that cannot be read elsewhere."
    next  = "Mend the name, or leave config out and write the values, such as lora { alpha = ... }."
  }
  code "config-contradicts" {
    exit  = [64]
    means = "The config that a source names and the checkpoint contradict each other: another model, another rank, or LoRA in one of them alone."
    why   = "Then its alpha is not this checkpoint's either."
    next  = "Name the config that the checkpoint was trained with."
  }
  code "unknown-output" {
    exit  = [64]
    means = "An output block names a format that the plugin does not write."
    why   = "A format belongs to a plugin."
    next  = "The message has similar formats; loraconv schema -json lists them all."
  }
  code "template-missing" {
    exit  = [64]
    means = "An output format that copies config and tokenizer from a template was given none."
    why   = "Weights without config and tokenizer do not load."
    next  = "Name a local copy of the base model's repository in template; template = \"none\" writes weights alone."
  }
  code "no-such-tensor" {
    exit  = [64]
    means = "No conversion of the spec makes the tensor that was asked for."
    why   = "There is nothing to explain."
    next  = "plan prints every output tensor's name."
  }
  code "plan-file" {
    exit  = [64]
    means = "A plan file cannot be read, is of another version, contradicts itself, or was given to plan."
    why   = "Nothing in it is believed unless it agrees with itself and with the sources."
    next  = "Plan again with plan -out."
  }
}

group "Plugins and the worker" {
  code "unknown-plugin" {
    exit  = [64]
    means = "A source names a plugin that this loraconv does not know."
    why   = "Nothing says what the source's names mean."
    next  = "Mend the name, or name the plugin in required_plugins: the message lists the bundled plugins."
  }
  code "plugin-source" {
    exit  = [64]
    means = "A plugin that is not bundled is required without a source, or with one that cannot be read."
    why   = "The source is the path below which its executable lies, and its name in the lock file."
    next  = "Write NAME = { source = \"example.com/lab/NAME\", version = \"~> 1.0\" }."
  }
  code "plugin-unlocked" {
    exit  = [64]
    means = "The lock file has no entry of a plugin, or there is no lock file."
    why   = "An external plugin is code that runs with your rights; only bytes that somebody has pinned run."
    next  = "Run loraconv init, review .loraconv.lock.hcl and commit it."
  }
  code "plugin-platform" {
    exit  = [64]
    means = "The lock file does not pin a plugin for this platform, or a digest for a platform cannot be added."
    why   = "Each platform has an executable of its own, with a digest of its own."
    next  = "Run loraconv init on that platform, or loraconv plugins lock with the executable for it."
  }
  code "lock-invalid" {
    exit  = [64]
    means = "The lock file cannot be read or written."
    why   = "A lock file that is read in part would pin in part."
    next  = "Mend the line that the message names, or remove the file and run loraconv init."
  }
  code "lock-stale" {
    exit  = [64, 10]
    means = "The lock file is not what the spec requires: another version, another constraint, other bytes."
    why   = "Spec and lock file are reviewed together; where they differ, nobody has seen what would run."
    next  = "Run loraconv init, with -upgrade for a newer version, and review what changed."
  }
  code "plugin-places" {
    exit  = [64]
    means = "LORACONV_PLUGINS_DIR is not an absolute path."
    why   = "A relative one would mean the working directory, from which no plugin is ever taken."
    next  = "Give the absolute path, or unset the variable."
  }
  code "plugin-absent" {
    exit  = [6]
    means = "A plugin that is required is not installed on this machine."
    why   = "Plugins are found in a few fixed places and nowhere else, and nothing is downloaded."
    next  = "Put the executable at one of the paths in the message."
  }
  code "plugin-exposed" {
    exit  = [6]
    means = "Somebody else than root and you could change a plugin's executable, or it is a link."
    why   = "What others can change is not what was reviewed."
    next  = "Make it and the directories above it yours, with chmod go-w; install a file, not a link."
  }
  code "plugin-lied" {
    exit  = [6]
    means = "A plugin gives itself another version than the one that it is installed and pinned as."
    why   = "The version in the provenance would be wrong."
    next  = "Install it below its own version, and run loraconv init."
  }
  code "plugin-start" {
    exit  = [6]
    means = "A plugin could not be started, or did not finish its handshake."
    why   = "It is not executable here, is of another protocol, or failed at once."
    next  = "Run it with LORACONV_LOG=debug to see what it says."
  }
  code "plugin-changed" {
    exit  = [6]
    means = "A plugin's executable does not have the bytes that the lock file pins. It was not started."
    why   = "Whoever can change it could change every weight; only bytes that somebody has reviewed run."
    next  = "Find out why it changed. If the new bytes are meant, take its entry out of the lock file and run loraconv init."
  }
  code "plugin-protocol" {
    exit  = [6]
    means = "A plugin speaks a version of the plugin protocol that this loraconv does not speak."
    why   = "Neither side could trust what it reads from the other."
    next  = "Install a release of the plugin that was built for this loraconv, or the loraconv that it was built for."
  }
  code "plugin-exit" {
    exit  = [6]
    means = "A plugin or the worker ended while it was at work."
    why   = "Its exit status and its last lines are in the message. A worker that was killed by the system mostly had too little memory."
    next  = "Give less memory with -memory if the system killed it; else report the fault to its authors."
  }
  code "plugin-timeout" {
    exit  = [6]
    means = "A plugin or the worker did not answer in time, and was ended."
    why   = "A run that hangs forever blocks everything behind it."
    next  = "Try again on a machine that is less busy; if it happens again, report it to the plugin's authors."
  }
  code "plugin-failed" {
    exit  = [6]
    means = "A plugin reported a failure of its own."
    why   = "It is a fault of the plugin, not of the spec."
    next  = "Report it to the plugin's authors with the message."
  }
  code "plugin-message" {
    exit  = [6]
    means = "A plugin sent something that the protocol does not allow."
    why   = "What breaks the protocol is not believed in any part."
    next  = "Report it to the plugin's authors; a newer version may be needed."
  }
  code "plugin-flood" {
    exit  = [6]
    means = "A plugin wrote more to its log than loraconv takes, and was ended."
    why   = "It would fill memory or disk."
    next  = "Report it to the plugin's authors."
  }
  code "plugin-closed" {
    exit  = [6]
    means = "A plugin was asked something after it had been ended."
    why   = "This is a fault of loraconv."
    next  = "Please report it."
  }
  code "plugin-override" {
    exit  = [0]
    means = "An environment variable puts another executable in the place of a bundled or pinned plugin."
    why   = "It is pinned by nothing, so outputs may differ from those of the released plugin."
    next  = "Unset the variable for real conversions."
  }
  code "plan-invalid" {
    exit  = [6, 64]
    means = "A plugin returned a plan that cannot be run, or a plan file holds one."
    why   = "The host proves every plan before it believes it."
    next  = "Report it to the plugin's authors: it is not a fault of the spec or the checkpoint. A plan file is made anew with plan -out."
  }
  code "request-invalid" {
    exit  = [6]
    means = "The worker was asked for something that contradicts itself."
    why   = "This is a fault of loraconv."
    next  = "Please report it."
  }
  code "worker-failed" {
    exit  = [6]
    means = "The worker failed for a reason that no other code names."
    why   = "The message has what is known."
    next  = "Run again; please report it if it stays."
  }
  code "worker-lied" {
    exit  = [6]
    means = "The worker's report contradicts what it was asked for."
    why   = "This is a fault of loraconv, or of the machine's memory."
    next  = "Please report it."
  }
  code "memory-too-small" {
    exit  = [64]
    means = "A part of a source cannot be computed within the memory that was given."
    why   = "The budget is kept, whatever the checkpoint."
    next  = "The message says how much would do: give it with -memory or in the compute block."
  }
  code "qlora-base" {
    exit  = [0]
    means = "The adapter was trained on a quantized base."
    why   = "The merge uses the weights before quantization, which the training run did not see."
    next  = "Evaluate the result; small differences are expected."
  }
  code "query-scale" {
    exit  = [0]
    means = "The template divides attention scores by another number than the importer folded into the query."
    why   = "MaxText's importer folds in the square root of the head dimension, Gemma 2 27b's runtime uses that of query_pre_attn_scalar; which one a checkpoint holds depends on where its weights come from."
    next  = "Leave it for a model that today's importer made; say query_scale in the source block for one of the older importer, or trained in MaxText from the beginning."
  }
  code "assets-empty" {
    exit  = [4]
    means = "A norm_stats.json of the checkpoint has no bytes."
    why   = "OpenPI reads it when it loads a model, and fails there; a copy that was broken off leaves such files."
    next  = "Copy the step's assets again, whole."
  }
  code "no-assets" {
    exit  = [0]
    means = "The checkpoint has no side files under assets/, so the output has none either."
    why   = "OpenPI needs norm_stats.json to run a model."
    next  = "Copy the assets of the training run beside the output before it is used."
  }
  code "not-maxtext" {
    exit  = [3]
    means = "A source of the maxtext plugin holds no parameter of a MaxText model."
    why   = "Its names and shapes would be taken for those of a model, and hide the one cause: another framework's checkpoint, another item of it, or one that is converted already."
    next  = "See loraconv inspect for what it holds. Name the step directory that MaxText or Tunix saved, or take the plugin of the framework that the checkpoint is of."
  }
  code "not-openpi" {
    exit  = [3]
    means = "A source of the openpi plugin holds no parameter of an openpi model."
    why   = "Every row would report its parameter as missing, and hide the one cause: another framework's checkpoint, another item of it, or one that is converted already."
    next  = "See loraconv inspect for what it holds, and name the step directory of the training, or its params."
  }
  code "not-a-float" {
    exit  = [3]
    means = "A parameter of an OpenPI checkpoint holds integers or truth values."
    why   = "OpenPI's models hold floats alone. Integers are never converted, and what a quantised weight means is not in it."
    next  = "Save the checkpoint again from the float weights."
  }
  code "openpi-no-adapter" {
    exit  = [64]
    means = "OpenPI has no adapter format that its PyTorch models would load."
    why   = "An adapter that nothing loads is no output."
    next  = "Use method = \"merge\"."
  }
  code "openpi-one-source" {
    exit  = [64]
    means = "OpenPI keeps base and adapter in one checkpoint, so a conversion has one source and no adapters."
    why   = "A second checkpoint would be left out."
    next  = "Take adapters out of the conversion."
  }
  code "openpi-output" {
    exit  = [64]
    means = "The openpi plugin writes the output format \"pytorch\" and no other."
    why   = "OpenPI's models load nothing else."
    next  = "Write output \"pytorch\" { ... }."
  }
  code "peft-drops-modules" {
    exit  = [0]
    means = "The adapter is right, but PEFT with transformers 5 is known to leave some of this family's modules without their LoRA when it loads one."
    why   = "The model would run with a part of its fine-tuning."
    next  = "Merge into the weights, or compare the loaded model's modules with target_modules."
  }
}

group "Outputs" {
  code "output-exists" {
    exit  = [9]
    means = "Something is at the output path already, and it is not what this conversion would write."
    why   = "loraconv never overwrites what it did not make for this very plan."
    next  = "Name another path, remove it, or replace it with -force."
  }
  code "output-foreign" {
    exit  = [9]
    means = "Something is at the output path that is no output of loraconv."
    why   = "-force replaces a whole directory, and what lay in it is gone: only what loraconv made, or an empty directory, is replaced."
    next  = "Name another path, or look at what is there and move it away yourself."
  }
  code "output-overlaps" {
    exit  = [64]
    means = "The output's path is that of a source, a template, a reference or the spec, or one lies inside the other."
    why   = "Publishing the output would change what was read, and -force would remove it."
    next  = "Give the output a directory of its own."
  }
  code "output-locked" {
    exit  = [9]
    means = "Another run holds the lock of this output."
    why   = "Two runs would write into one another."
    next  = "Wait for the other run, or end it."
  }
  code "stage-taken-over" {
    exit  = [0]
    means = "A run with this output was killed earlier. What it had written to its hidden stage was removed, and this run begins anew."
    why   = "Half an output is never built upon."
    next  = "Nothing need be done."
  }
  code "output-left" {
    exit  = [0]
    means = "With -force, the new output is published, and the one that it replaced could not be removed. It lies beside it, under a hidden name."
    why   = "The new output is whole; what is left takes room."
    next  = "Remove it, or leave that to the next run with this output."
  }
  code "no-space" {
    exit  = [7]
    means = "The file system has not enough room for the output. Nothing was written."
    why   = "It is asked before the first byte, so that a run does not fail at its end."
    next  = "Make room, or write to another disk."
  }
  code "not-durable" {
    exit  = [8]
    means = "The output is published and complete, but the last flush of its directory failed, so it may not survive a power cut."
    why   = "The system reported that it could not promise it."
    next  = "Check the disk, run sync, and then loraconv verify."
  }
  code "output-failed" {
    exit  = [7]
    means = "A file of the output could not be written. Nothing is left at the output path."
    why   = "The message has the system's own words."
    next  = "Check permissions and the disk."
  }
  code "write-failed" {
    exit  = [7]
    means = "The worker could not write to the stage. Nothing is left at the output path."
    why   = "The message has the system's own words."
    next  = "Check permissions and the disk."
  }
  code "scratch-failed" {
    exit  = [7]
    means = "The adapters did not fit into memory, and the scratch file that would hold them could not be written."
    why   = "They are read many times, so they must be at hand."
    next  = "Give more memory with -memory, or room on the output's disk."
  }
  code "abort-failed" {
    exit  = [7]
    means = "A run failed, and what it had written to its hidden stage beside the output could not be removed."
    why   = "The message has the system's own words."
    next  = "The next run with this output removes it, or remove it by hand."
  }
  code "check-failed" {
    exit  = [10]
    means = "A check of the spec measured something beyond its bound."
    why   = "Checks are judged before an output gets its name, so that what breaks a bound is never published. With on_breach = \"warn\" it is, with this as a warning."
    next  = "The message has the numbers found and wanted. Mend what it names, such as the dtype of a tensor, or move the bound."
  }
  code "expect-failed" {
    exit  = [10]
    means = "The result of a run does not meet the condition of an expect block."
    why   = "The spec asked for it, and its error_message says what is missing. Nothing was published."
    next  = "See what the message says; the attributes of result are those that the condition may use."
  }
  code "reference-unreadable" {
    exit  = [4]
    means = "The known-good export that a check compares with is not there, or cannot be read."
    why   = "A comparison with nothing would pass."
    next  = "Name a directory that loraconv inspect can read, relative to the spec's directory."
  }
  code "overflow" {
    exit  = [10]
    means = "A finite value became infinite when it was rounded to the output's element type."
    why   = "float16 ends at 65504; the model would answer NaN."
    next  = "Give that tensor a type with a wider range, such as bfloat16, in a rule block."
  }
  code "stdout-failed" {
    exit  = [1, 0]
    means = "Standard output could not be written: its disk is full, or what read it has ended."
    why   = "The answer, or a part of it, is lost. A conversion whose events are read ends at once and publishes nothing; what was published already is a warning."
    next  = "Make room, or send standard output elsewhere, and call the command again."
  }
  code "failed" {
    exit  = [1]
    means = "A step failed for a reason that no other code names."
    why   = "The message has what is known."
    next  = "Please report it if the message does not help."
  }
}

group "The spec's text" {
  code "syntax" {
    exit  = [64]
    means = "The text is not valid HCL or JSON."
    why   = "What cannot be parsed cannot be checked."
    next  = "Look at the place in the message and just before it: a bracket, quote or brace is mostly missing there."
  }
  code "unsupported-argument" {
    exit  = [64]
    means = "A block has an argument that it does not know."
    why   = "A misspelt argument that is passed over leaves its meaning out."
    next  = "Take the suggestion of the message; loraconv schema -json lists all arguments."
  }
  code "unsupported-block" {
    exit  = [64]
    means = "A block stands where blocks of its type are not expected."
    why   = "A misspelt block that is passed over leaves its meaning out."
    next  = "Take the suggestion of the message, or move the block to where it belongs."
  }
  code "missing-argument" {
    exit  = [64]
    means = "An argument that the block needs is absent."
    why   = "It has no value that could be assumed."
    next  = "Add the argument that the message names."
  }
  code "missing-block" {
    exit  = [64]
    means = "A block that must be there is absent."
    why   = "It says something that cannot be assumed."
    next  = "Add the block that the message names."
  }
  code "duplicate-definition" {
    exit  = [64]
    means = "The same thing is defined twice."
    why   = "One of them would win in silence."
    next  = "Rename or delete one; the message says where the first is."
  }
  code "wrong-labels" {
    exit  = [64]
    means = "A block has more or fewer labels than its type takes."
    why   = "Labels are names; references are made of them."
    next  = "Write source \"PLUGIN\" \"NAME\", conversion \"NAME\", output \"FORMAT\", rule \"NAME\", drop \"NAME\"."
  }
  code "invalid-name" {
    exit  = [64]
    means = "A name is not of the form that references need."
    why   = "References such as source.openpi.ft are made of names."
    next  = "Begin with a letter; then letters, digits, _ and - may follow."
  }
  code "invalid-expression" {
    exit  = [64]
    means = "An expression could not be evaluated."
    why   = "The message has the reason and the place."
    next  = "Mend the expression; try() and can() handle values that may be absent."
  }
  code "unknown-function" {
    exit  = [64]
    means = "A function is called that does not exist."
    why   = "There are no functions for time, randomness, environment, files' content or network: a spec gives the same plan twice."
    next  = "Take the suggestion of the message, or hand the value in through a variable."
  }
  code "wrong-type" {
    exit  = [64]
    means = "A value is not of the type that its argument takes."
    why   = "A value of another type has no meaning there."
    next  = "The message says which type is taken and which was found."
  }
  code "invalid-value" {
    exit  = [64]
    means = "A value is of the right type and still not allowed."
    why   = "The message says which values are."
    next  = "Write one of those."
  }
  code "unknown-value" {
    exit  = [64]
    means = "A value is not one of the few that its argument takes."
    why   = "A misspelt choice must not become a default."
    next  = "Take the suggestion of the message, or one of those that it lists."
  }
  code "invalid-condition" {
    exit  = [64, 10]
    means = "The condition of an expect block judges nothing, or is not known after the run."
    why   = "A condition that does not use result is the same before and after every run."
    next  = "Use result in the condition. What depends on variables alone belongs into the validation block of a variable."
  }
  code "invalid-glob" {
    exit  = [64]
    means = "A glob cannot be understood."
    why   = "Half a pattern would match the wrong names."
    next  = "Write * for a part of one component, ** for any components."
  }
  code "invalid-regex" {
    exit  = [64]
    means = "A regular expression cannot be understood, or is too large."
    why   = "Expressions are RE2's: no look-ahead and no back references, so none takes exponential time."
    next  = "Rewrite it, or use globs."
  }
  code "unknown-name" {
    exit  = [64]
    means = "An expression begins with a name that means nothing here."
    why   = "Only var, local, source and each have values, and strings need quotes."
    next  = "Quote it if it is text; else take the suggestion of the message."
  }
  code "unknown-variable" {
    exit  = [64, 0]
    means = "A variable is used or set that the spec does not declare."
    why   = "A misspelt variable would leave its value out. In a file of variables that several specs share it is a warning."
    next  = "Declare it with variable \"NAME\" { type = ... }, or mend the name."
  }
  code "unknown-local" {
    exit  = [64]
    means = "A local value is used that the spec does not define."
    why   = "There is no value to take."
    next  = "Define it in a locals block, or mend the name."
  }
  code "unknown-source" {
    exit  = [64]
    means = "A source is referred to that the spec does not declare."
    why   = "There is nothing to read."
    next  = "Take the suggestion of the message, or declare source \"PLUGIN\" \"NAME\" { ... }."
  }
  code "invalid-reference" {
    exit  = [64]
    means = "A reference is not of a form that its argument takes."
    why   = "References are read as names, not as values."
    next  = "Write source.PLUGIN.NAME, or source.PLUGIN.NAME[KEY] where the source has for_each."
  }
  code "reference-cycle" {
    exit  = [64]
    means = "A value depends on itself."
    why   = "It has no value."
    next  = "Break the circle at one of the places that the message names."
  }
  code "missing-variable" {
    exit  = [64]
    means = "A variable has neither a value nor a default."
    why   = "The conversion depends on it."
    next  = "Give it with -var NAME=VALUE, -var-file, a file *.auto.vars.hcl or LORACONV_VAR_NAME."
  }
  code "variable-validation" {
    exit  = [64]
    means = "A variable's value does not meet the condition in its validation block."
    why   = "The spec's author wrote what values make sense."
    next  = "Give a value that meets it: the author's own message says which."
  }
  code "invalid-for-each" {
    exit  = [64]
    means = "for_each is not a map or a set of strings, or has too many elements."
    why   = "Its keys become parts of names."
    next  = "Write a map, or toset([...]); split a spec that is too large."
  }
  code "remote-path" {
    exit  = [64]
    means = "A path names a remote store."
    why   = "No store can read it yet."
    next  = "Copy the checkpoint to a local disk, and name that."
  }
  code "invalid-path" {
    exit  = [64]
    means = "A path is empty, cannot name a file, or begins with what a shell would replace: ~ or $."
    why   = "It would mean the working directory, nothing, or a directory that is really called ~."
    next  = "Write the whole path of a file or directory, or one relative to the spec. What differs from place to place can be a variable, given with -var."
  }
  code "not-supported-yet" {
    exit  = [64]
    means = "This part of the language is not built yet."
    why   = "It is refused by name rather than passed over."
    next  = "Take it out of the spec; the README says what works."
  }
  code "version" {
    exit  = [64]
    means = "This loraconv is not of a version that the spec accepts, or the constraint cannot be understood."
    why   = "The spec's author tried it with other versions."
    next  = "Install a version that required_version accepts, or widen it after a try."
  }
  code "spec-unreadable" {
    exit  = [64]
    means = "A spec or a file of variables could not be read."
    why   = "The message has the system's own words."
    next  = "Mend the path. A spec ends in .hcl or .hcl.json; a directory is one spec, of its files *.lc.hcl."
  }
  code "empty-spec" {
    exit  = [64]
    means = "The spec has no conversion."
    why   = "A run that does nothing should not look like one that succeeded."
    next  = "Add conversion \"NAME\" { ... }."
  }
  code "spec-too-large" {
    exit  = [64]
    means = "A spec is larger than loraconv reads."
    why   = "Specs come from other people's repositories; a bound keeps them from taking all memory."
    next  = "Split it into several, or use for_each."
  }
  code "spec-too-deep" {
    exit  = [64]
    means = "A spec nests deeper, or chains longer, than loraconv reads."
    why   = "Parsers without a bound end in a crash."
    next  = "Use locals for the inner parts."
  }
  code "spec-too-costly" {
    exit  = [64]
    means = "An expression needs more work or memory than loraconv gives a spec."
    why   = "A few nested loops can take hours and all memory."
    next  = "Make its loops smaller."
  }
  code "too-many-faults" {
    exit  = [64]
    means = "There are more faults than are shown."
    why   = "The first ones mostly cause the rest."
    next  = "Mend those that are shown, and look again."
  }
  code "bad-schema" {
    exit  = [64]
    means = "A plugin described its arguments in a way that cannot be understood."
    why   = "Then the spec's blocks cannot be checked."
    next  = "Report it to the plugin's authors."
  }
}
