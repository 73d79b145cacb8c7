//go:build !purego

#include "textflag.h"

// The one NaN that arithmetic writes.
DATA canonicalNaN<>+0(SB)/4, $0x7fc00000
GLOBL canonicalNaN<>(SB), RODATA|NOPTR, $4

// STEP: acc0:acc1 += a * (Y8:Y9), the product rounded first. a is a broadcast.
#define STEP(a, acc0, acc1) \
	VBROADCASTSS a, Y10      \
	VMULPS       Y8, Y10, Y11 \
	VMULPS       Y9, Y10, Y12 \
	VADDPS       Y11, acc0, acc0 \
	VADDPS       Y12, acc1, acc1

// FINISH: w = canonical(w + scale*acc), eight lanes. scale in Y13, NaN in Y14.
#define FINISH(w, acc) \
	VMULPS    Y13, acc, acc      \
	VADDPS    w, acc, acc        \
	VCMPPS    $3, acc, acc, Y15  \
	VBLENDVPS Y15, Y14, acc, acc \
	VMOVUPS   acc, w

// func mergeFourAVX2(w *float32, ldw int, a *float32, lda int, b *float32, panels, k int, scale float32)
TEXT ·mergeFourAVX2(SB), NOSPLIT, $0-60
	MOVQ w+0(FP), DI
	MOVQ ldw+8(FP), R8
	MOVQ a+16(FP), SI
	MOVQ lda+24(FP), R9
	MOVQ b+32(FP), BX
	MOVQ panels+40(FP), CX
	MOVQ k+48(FP), DX
	VBROADCASTSS scale+56(FP), Y13
	VBROADCASTSS canonicalNaN<>(SB), Y14
	LEAQ (R9)(R9*2), R10           // 3*lda
	LEAQ (R8)(R8*2), R11           // 3*ldw

panel:
	TESTQ CX, CX
	JZ    done
	VXORPS Y0, Y0, Y0              // rows 0..3, columns 0..7 and 8..15
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	MOVQ SI, AX
	MOVQ DX, R12

step:
	VMOVUPS (BX), Y8
	VMOVUPS 32(BX), Y9
	STEP((AX), Y0, Y1)
	STEP((AX)(R9*1), Y2, Y3)
	STEP((AX)(R9*2), Y4, Y5)
	STEP((AX)(R10*1), Y6, Y7)
	ADDQ $4, AX
	ADDQ $64, BX
	DECQ R12
	JNZ  step

	FINISH((DI), Y0)
	FINISH(32(DI), Y1)
	FINISH((DI)(R8*1), Y2)
	FINISH(32(DI)(R8*1), Y3)
	FINISH((DI)(R8*2), Y4)
	FINISH(32(DI)(R8*2), Y5)
	FINISH((DI)(R11*1), Y6)
	FINISH(32(DI)(R11*1), Y7)
	ADDQ $64, DI
	DECQ CX
	JMP  panel

done:
	VZEROUPPER
	RET

// func mergeOneAVX2(w *float32, a *float32, b *float32, panels, k int, scale float32)
TEXT ·mergeOneAVX2(SB), NOSPLIT, $0-44
	MOVQ w+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), BX
	MOVQ panels+24(FP), CX
	MOVQ k+32(FP), DX
	VBROADCASTSS scale+40(FP), Y13
	VBROADCASTSS canonicalNaN<>(SB), Y14

onePanel:
	TESTQ CX, CX
	JZ    oneDone
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	MOVQ SI, AX
	MOVQ DX, R12

oneStep:
	VMOVUPS (BX), Y8
	VMOVUPS 32(BX), Y9
	STEP((AX), Y0, Y1)
	ADDQ $4, AX
	ADDQ $64, BX
	DECQ R12
	JNZ  oneStep

	FINISH((DI), Y0)
	FINISH(32(DI), Y1)
	ADDQ $64, DI
	DECQ CX
	JMP  onePanel

oneDone:
	VZEROUPPER
	RET
