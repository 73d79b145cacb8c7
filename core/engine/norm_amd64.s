//go:build !purego

#include "textflag.h"

// SQUARES: lanes += x * x for the four floats in the low half of x, in float64.
#define SQUARES(xlow, lanes) \
	VCVTPS2PD xlow, Y8       \
	VMULPD    Y8, Y8, Y8     \
	VADDPD    Y8, lanes, lanes

// func squaresAVX2(before, after *float32, eights int, lanes *[16]float64)
TEXT ·squaresAVX2(SB), NOSPLIT, $0-32
	MOVQ   before+0(FP), SI
	MOVQ   after+8(FP), DI
	MOVQ   eights+16(FP), CX
	MOVQ   lanes+24(FP), DX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3

loop:
	TESTQ CX, CX
	JZ    done
	VMOVUPS      (SI), Y4
	VMOVUPS      (DI), Y5
	VSUBPS       Y4, Y5, Y5
	VEXTRACTF128 $1, Y4, X6
	VEXTRACTF128 $1, Y5, X7
	SQUARES(X4, Y0)
	SQUARES(X6, Y1)
	SQUARES(X5, Y2)
	SQUARES(X7, Y3)
	ADDQ $32, SI
	ADDQ $32, DI
	DECQ CX
	JMP  loop

done:
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	VMOVUPD Y2, 64(DX)
	VMOVUPD Y3, 96(DX)
	VZEROUPPER
	RET
