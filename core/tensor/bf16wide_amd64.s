//go:build !purego

#include "textflag.h"

// Constants of one lane each; broadcast when loaded.
DATA wide<>+0(SB)/4, $0x00007fff   // half of the last bit that stays, less one
DATA wide<>+4(SB)/4, $0x00000001
DATA wide<>+8(SB)/4, $0x00400000   // the quiet bit of a float32
GLOBL wide<>(SB), RODATA|NOPTR, $12

// func encodeBF16AVX512(dst *uint16, src *uint32, blocks int)
//
//	r = (u + 0x7fff + u>>16&1) >> 16, or (u|quiet) >> 16 where u is not a number
TEXT ·encodeBF16AVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTD wide<>+0(SB), Z10
	VPBROADCASTD wide<>+4(SB), Z11
	VPBROADCASTD wide<>+8(SB), Z12

encode:
	VMOVDQU32 (SI), Z0
	VPSRLD    $16, Z0, Z1
	VPANDD    Z11, Z1, Z1
	VPADDD    Z10, Z0, Z2
	VPADDD    Z1, Z2, Z2
	VCMPPS    $3, Z0, Z0, K1
	VPORD     Z12, Z0, K1, Z2
	VPSRLD    $16, Z2, Z2
	VPMOVDW   Z2, (DI)
	ADDQ      $64, SI
	ADDQ      $32, DI
	DECQ      CX
	JNZ       encode
	VZEROUPPER
	RET

// func decodeBF16AVX512(dst *uint32, src *uint16, blocks int)
TEXT ·decodeBF16AVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX
	VPBROADCASTD wide<>+8(SB), Z12

decode:
	VPMOVZXWD (SI), Z0
	VPSLLD    $16, Z0, Z0
	VCMPPS    $3, Z0, Z0, K1
	VPORD     Z12, Z0, K1, Z0
	VMOVDQU32 Z0, (DI)
	ADDQ      $32, SI
	ADDQ      $64, DI
	DECQ      CX
	JNZ       decode
	VZEROUPPER
	RET
