//go:build !purego

#include "textflag.h"

// func finiteAVX2(src *byte, blocks int, all, low, carry uint64) int
TEXT ·finiteAVX2(SB), NOSPLIT, $0-48
	MOVQ src+0(FP), SI
	MOVQ blocks+8(FP), CX
	VPBROADCASTQ all+16(FP), Y13
	VPBROADCASTQ low+24(FP), Y14
	VPBROADCASTQ carry+32(FP), Y15
	XORQ AX, AX

block:
	VPAND (SI), Y13, Y0
	VPAND 32(SI), Y13, Y1
	VPAND 64(SI), Y13, Y2
	VPAND 96(SI), Y13, Y3
	VPADDQ Y14, Y0, Y0
	VPADDQ Y14, Y1, Y1
	VPADDQ Y14, Y2, Y2
	VPADDQ Y14, Y3, Y3
	VPOR Y1, Y0, Y0
	VPOR Y3, Y2, Y2
	VPOR Y2, Y0, Y0
	VPTEST Y15, Y0
	JNZ done
	ADDQ $128, SI
	INCQ AX
	CMPQ AX, CX
	JLT block

done:
	VZEROUPPER
	MOVQ AX, ret+40(FP)
	RET
