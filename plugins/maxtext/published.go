package maxtext

// size is how large a published model is: what an adapter's factors do not
// tell, because they are flat over heads.
type size struct {
	width, heads, kvHeads, headDim, layers int
	dense                                  int // of the layers, the first
	nope, rope, value                      int // head dims of latent attention
	// Of linear attention.
	keyHeads, keyHeadDim, valueHeads, valueHeadDim int
}

// published sizes, by model_name. MaxText configs/models/*.yml, but for layers,
// which are counted as in config.json: Gemma 2's come in pairs there.
var published = map[string]size{
	"llama2-7b":              {width: 4096, heads: 32, kvHeads: 32, headDim: 128, layers: 32},
	"llama2-13b":             {width: 5120, heads: 40, kvHeads: 40, headDim: 128, layers: 40},
	"llama2-70b":             {width: 8192, heads: 64, kvHeads: 8, headDim: 128, layers: 80},
	"llama3-8b":              {width: 4096, heads: 32, kvHeads: 8, headDim: 128, layers: 32},
	"llama3-70b":             {width: 8192, heads: 64, kvHeads: 8, headDim: 128, layers: 80},
	"llama3-405b":            {width: 16384, heads: 128, kvHeads: 8, headDim: 128, layers: 126},
	"llama3.1-8b":            {width: 4096, heads: 32, kvHeads: 8, headDim: 128, layers: 32},
	"llama3.1-70b":           {width: 8192, heads: 64, kvHeads: 8, headDim: 128, layers: 80},
	"llama3.1-405b":          {width: 16384, heads: 128, kvHeads: 8, headDim: 128, layers: 126},
	"llama3.3-70b":           {width: 8192, heads: 64, kvHeads: 8, headDim: 128, layers: 80},
	"mistral-7b":             {width: 4096, heads: 32, kvHeads: 8, headDim: 128, layers: 32},
	"mixtral-8x7b":           {width: 4096, heads: 32, kvHeads: 8, headDim: 128, layers: 32},
	"mixtral-8x22b":          {width: 6144, heads: 48, kvHeads: 8, headDim: 128, layers: 56},
	"qwen2.5-1.5b":           {width: 1536, heads: 12, kvHeads: 2, headDim: 128, layers: 28},
	"qwen2.5-7b":             {width: 3584, heads: 28, kvHeads: 4, headDim: 128, layers: 28},
	"qwen2.5-14b":            {width: 5120, heads: 40, kvHeads: 8, headDim: 128, layers: 48},
	"qwen3-0.6b":             {width: 1024, heads: 16, kvHeads: 8, headDim: 128, layers: 28},
	"qwen3-1.7b":             {width: 2048, heads: 16, kvHeads: 8, headDim: 128, layers: 28},
	"qwen3-1.7b-base":        {width: 2048, heads: 16, kvHeads: 8, headDim: 128, layers: 28},
	"qwen3-4b":               {width: 2560, heads: 32, kvHeads: 8, headDim: 128, layers: 36},
	"qwen3-4b-base":          {width: 2560, heads: 32, kvHeads: 8, headDim: 128, layers: 36},
	"qwen3-4b-thinking-2507": {width: 2560, heads: 32, kvHeads: 8, headDim: 128, layers: 36},
	"qwen3-8b":               {width: 4096, heads: 32, kvHeads: 8, headDim: 128, layers: 36},
	"qwen3-8b-base":          {width: 4096, heads: 32, kvHeads: 8, headDim: 128, layers: 36},
	"qwen3-14b":              {width: 5120, heads: 40, kvHeads: 8, headDim: 128, layers: 40},
	"qwen3-14b-base":         {width: 5120, heads: 40, kvHeads: 8, headDim: 128, layers: 40},
	"qwen3-32b":              {width: 5120, heads: 64, kvHeads: 8, headDim: 128, layers: 64},
	"qwen3-30b-a3b":          {width: 2048, heads: 32, kvHeads: 4, headDim: 128, layers: 48},
	"qwen3-30b-a3b-base":     {width: 2048, heads: 32, kvHeads: 4, headDim: 128, layers: 48},
	"qwen3-235b-a22b":        {width: 4096, heads: 64, kvHeads: 4, headDim: 128, layers: 94},
	"qwen3-480b-a35b":        {width: 6144, heads: 96, kvHeads: 8, headDim: 128, layers: 62},
	"qwen3-next-80b-a3b":     {width: 2048, heads: 16, kvHeads: 2, headDim: 256, layers: 48},
	"qwen3.5-35b-a3b":        {width: 2048, heads: 16, kvHeads: 2, headDim: 256, layers: 40, keyHeads: 16, keyHeadDim: 128, valueHeads: 32, valueHeadDim: 128},
	"qwen3.5-397b-a17b":      {width: 4096, heads: 32, kvHeads: 2, headDim: 256, layers: 60, keyHeads: 16, keyHeadDim: 128, valueHeads: 64, valueHeadDim: 128},
	"gemma2-2b":              {width: 2304, heads: 8, kvHeads: 4, headDim: 256, layers: 26},
	"gemma2-9b":              {width: 3584, heads: 16, kvHeads: 8, headDim: 256, layers: 42},
	"gemma2-27b":             {width: 4608, heads: 32, kvHeads: 16, headDim: 128, layers: 46},
	"gemma3-4b":              {width: 2560, heads: 8, kvHeads: 4, headDim: 256, layers: 34},
	"gemma3-12b":             {width: 3840, heads: 16, kvHeads: 8, headDim: 256, layers: 48},
	"gemma3-27b":             {width: 5376, heads: 32, kvHeads: 16, headDim: 128, layers: 62},
	"gpt-oss-20b":            {width: 2880, heads: 64, kvHeads: 8, headDim: 64, layers: 24},
	"gpt-oss-120b":           {width: 2880, heads: 64, kvHeads: 8, headDim: 64, layers: 36},
	"olmo3-7b":               {width: 4096, heads: 32, kvHeads: 32, headDim: 128, layers: 32},
	"olmo3-7b-pt":            {width: 4096, heads: 32, kvHeads: 32, headDim: 128, layers: 32},
	"olmo3-32b":              {width: 5120, heads: 40, kvHeads: 8, headDim: 128, layers: 64},
	"deepseek2-16b":          {width: 2048, heads: 16, kvHeads: 16, layers: 27, dense: 1, nope: 128, rope: 64, value: 128},
	"deepseek2-236b":         {width: 5120, heads: 128, kvHeads: 128, layers: 60, dense: 1, nope: 128, rope: 64, value: 128},
	"deepseek3-671b":         {width: 7168, heads: 128, kvHeads: 128, layers: 61, dense: 3, nope: 128, rope: 64, value: 128},
}
