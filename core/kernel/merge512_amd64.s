//go:build !purego

#include "textflag.h"

// The one NaN that arithmetic writes.
DATA quietNaN<>+0(SB)/4, $0x7fc00000
GLOBL quietNaN<>(SB), RODATA|NOPTR, $4

// STEP: acc += a * Z8, the product rounded first. a is broadcast.
#define STEP(a, product, acc) \
	VMULPS.BCST a, Z8, product \
	VADDPS      product, acc, acc

// FINISH: w = canonical(w + scale*acc), 16 lanes. scale in Z30, NaN in Z31.
#define FINISH(w, acc) \
	VMULPS  Z30, acc, acc     \
	VADDPS  w, acc, acc       \
	VCMPPS  $3, acc, acc, K1  \
	VMOVAPS Z31, K1, acc      \
	VMOVUPS acc, w

// func mergeEightAVX512(w *float32, ldw int, a *float32, lda int, b *float32, panels, k int, scale float32)
TEXT ·mergeEightAVX512(SB), NOSPLIT, $0-60
	MOVQ w+0(FP), DI
	MOVQ ldw+8(FP), R8
	MOVQ a+16(FP), SI
	MOVQ lda+24(FP), R9
	MOVQ b+32(FP), BX
	MOVQ panels+40(FP), CX
	MOVQ k+48(FP), DX
	VBROADCASTSS scale+56(FP), Z30
	VBROADCASTSS quietNaN<>(SB), Z31
	LEAQ (R9)(R9*2), R10           // 3*lda
	LEAQ (R8)(R8*2), R11           // 3*ldw

panel:
	VPXORD Z0, Z0, Z0              // rows 0..7
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	VPXORD Z4, Z4, Z4
	VPXORD Z5, Z5, Z5
	VPXORD Z6, Z6, Z6
	VPXORD Z7, Z7, Z7
	MOVQ SI, AX
	LEAQ (SI)(R9*4), R13
	MOVQ DX, R12

step:
	VMOVUPS (BX), Z8
	STEP((AX), Z16, Z0)
	STEP((AX)(R9*1), Z17, Z1)
	STEP((AX)(R9*2), Z18, Z2)
	STEP((AX)(R10*1), Z19, Z3)
	STEP((R13), Z20, Z4)
	STEP((R13)(R9*1), Z21, Z5)
	STEP((R13)(R9*2), Z22, Z6)
	STEP((R13)(R10*1), Z23, Z7)
	ADDQ $4, AX
	ADDQ $4, R13
	ADDQ $64, BX
	DECQ R12
	JNZ  step

	LEAQ (DI)(R8*4), R13
	FINISH((DI), Z0)
	FINISH((DI)(R8*1), Z1)
	FINISH((DI)(R8*2), Z2)
	FINISH((DI)(R11*1), Z3)
	FINISH((R13), Z4)
	FINISH((R13)(R8*1), Z5)
	FINISH((R13)(R8*2), Z6)
	FINISH((R13)(R11*1), Z7)
	ADDQ $64, DI
	DECQ CX
	JNZ  panel

	VZEROUPPER
	RET
