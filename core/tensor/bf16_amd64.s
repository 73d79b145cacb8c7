//go:build !purego

#include "textflag.h"

// Constants of one lane each; broadcast when loaded.
DATA lanes<>+0(SB)/4, $0x00007fff   // half of the last bit that stays, less one
DATA lanes<>+4(SB)/4, $0x00000001
DATA lanes<>+8(SB)/4, $0x7fffffff   // all but the sign
DATA lanes<>+12(SB)/4, $0x7f800000  // infinity
DATA lanes<>+16(SB)/4, $0x00000040  // the quiet bit of a bfloat16
DATA lanes<>+20(SB)/4, $0x00400000  // the quiet bit of a float32
GLOBL lanes<>(SB), RODATA|NOPTR, $24

// ROUND: u becomes the bfloat16 of its eight lanes, in the low halves.
//	top = u >> 16
//	r = (u + 0x7fff + top&1) >> 16
//	u = r, or top|0x40 where u&0x7fffffff > infinity
#define ROUND(u, top, nan) \
	VPSRLD    $16, u, top       \
	VPAND     Y12, u, nan       \
	VPCMPGTD  Y13, nan, nan     \
	VPADDD    Y10, u, u         \
	VPAND     Y11, top, Y8      \
	VPADDD    Y8, u, u          \
	VPSRLD    $16, u, u         \
	VPOR      Y14, top, top     \
	VPBLENDVB nan, top, u, u

// func encodeBF16AVX2(dst *uint16, src *uint32, blocks int)
TEXT ·encodeBF16AVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTD lanes<>+0(SB), Y10
	VPBROADCASTD lanes<>+4(SB), Y11
	VPBROADCASTD lanes<>+8(SB), Y12
	VPBROADCASTD lanes<>+12(SB), Y13
	VPBROADCASTD lanes<>+16(SB), Y14

encode:
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	ROUND(Y0, Y2, Y3)
	ROUND(Y1, Y4, Y5)
	VPACKUSDW Y1, Y0, Y0           // by halves: 0-3 8-11 | 4-7 12-15
	VPERMQ $0xd8, Y0, Y0
	VMOVDQU Y0, (DI)
	ADDQ $64, SI
	ADDQ $32, DI
	DECQ CX
	JNZ  encode
	VZEROUPPER
	RET

// WIDEN: u becomes the float32 of the eight bfloat16 in its low halves.
#define WIDEN(u, nan) \
	VPSLLD   $16, u, u     \
	VPAND    Y12, u, nan   \
	VPCMPGTD Y13, nan, nan \
	VPAND    Y14, nan, nan \
	VPOR     nan, u, u

// func decodeBF16AVX2(dst *uint32, src *uint16, blocks int)
TEXT ·decodeBF16AVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTD lanes<>+8(SB), Y12
	VPBROADCASTD lanes<>+12(SB), Y13
	VPBROADCASTD lanes<>+20(SB), Y14

decode:
	VPMOVZXWD (SI), Y0
	VPMOVZXWD 16(SI), Y1
	WIDEN(Y0, Y2)
	WIDEN(Y1, Y3)
	VMOVDQU Y0, (DI)
	VMOVDQU Y1, 32(DI)
	ADDQ $32, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  decode
	VZEROUPPER
	RET
