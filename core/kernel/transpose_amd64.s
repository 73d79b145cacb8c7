//go:build !purego

#include "textflag.h"

// ARGS loads the arguments both functions share, and thrice each stride.
#define ARGS \
	MOVQ dst+0(FP), DI        \
	MOVQ src+8(FP), SI        \
	MOVQ dstStride+16(FP), R8 \
	MOVQ srcStride+24(FP), R9 \
	MOVQ rows+32(FP), R10     \
	MOVQ cols+40(FP), R11     \
	LEAQ (R9)(R9*2), R12      \
	LEAQ (R8)(R8*2), R13

// func transpose16AVX2(dst, src *byte, dstStride, srcStride, rows, cols int)
TEXT ·transpose16AVX2(SB), NOSPLIT, $0-48
	ARGS

rows16:
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R11, CX

block16:
	LEAQ (AX)(R9*4), DX
	VMOVDQU (AX), X0               // row 0: 0 1 2 3 4 5 6 7
	VMOVDQU (AX)(R9*1), X1
	VMOVDQU (AX)(R9*2), X2
	VMOVDQU (AX)(R12*1), X3
	VMOVDQU (DX), X4
	VMOVDQU (DX)(R9*1), X5
	VMOVDQU (DX)(R9*2), X6
	VMOVDQU (DX)(R12*1), X7
	VPUNPCKLWD X1, X0, X8          // columns 0..3 of rows 0, 1
	VPUNPCKHWD X1, X0, X9          // columns 4..7
	VPUNPCKLWD X3, X2, X10         // rows 2, 3
	VPUNPCKHWD X3, X2, X11
	VPUNPCKLWD X5, X4, X12         // rows 4, 5
	VPUNPCKHWD X5, X4, X13
	VPUNPCKLWD X7, X6, X14         // rows 6, 7
	VPUNPCKHWD X7, X6, X15
	VPUNPCKLDQ X10, X8, X0         // columns 0, 1 of rows 0..3
	VPUNPCKHDQ X10, X8, X1         // columns 2, 3
	VPUNPCKLDQ X11, X9, X2         // columns 4, 5
	VPUNPCKHDQ X11, X9, X3         // columns 6, 7
	VPUNPCKLDQ X14, X12, X4        // rows 4..7
	VPUNPCKHDQ X14, X12, X5
	VPUNPCKLDQ X15, X13, X6
	VPUNPCKHDQ X15, X13, X7
	VPUNPCKLQDQ X4, X0, X8         // column 0 of rows 0..7
	VPUNPCKHQDQ X4, X0, X9
	VPUNPCKLQDQ X5, X1, X10
	VPUNPCKHQDQ X5, X1, X11
	VPUNPCKLQDQ X6, X2, X12
	VPUNPCKHQDQ X6, X2, X13
	VPUNPCKLQDQ X7, X3, X14
	VPUNPCKHQDQ X7, X3, X15
	LEAQ (BX)(R8*4), DX
	VMOVDQU X8, (BX)
	VMOVDQU X9, (BX)(R8*1)
	VMOVDQU X10, (BX)(R8*2)
	VMOVDQU X11, (BX)(R13*1)
	VMOVDQU X12, (DX)
	VMOVDQU X13, (DX)(R8*1)
	VMOVDQU X14, (DX)(R8*2)
	VMOVDQU X15, (DX)(R13*1)
	ADDQ $16, AX
	LEAQ (BX)(R8*8), BX
	DECQ CX
	JNZ  block16

	LEAQ (SI)(R9*8), SI
	ADDQ $16, DI
	DECQ R10
	JNZ  rows16
	VZEROUPPER
	RET

// HALF turns four columns, off bytes into the block: loads rows 0..3 beside
// rows 4..7, leaves columns 0..3 in Y12..Y15.
#define HALF(off) \
	VMOVUPS     off(AX), X0                      \
	VMOVUPS     off(AX)(R9*1), X1                \
	VMOVUPS     off(AX)(R9*2), X2                \
	VMOVUPS     off(AX)(R12*1), X3               \
	VINSERTF128 $1, off(DX), Y0, Y0              \
	VINSERTF128 $1, off(DX)(R9*1), Y1, Y1        \
	VINSERTF128 $1, off(DX)(R9*2), Y2, Y2        \
	VINSERTF128 $1, off(DX)(R12*1), Y3, Y3       \
	VUNPCKLPS   Y1, Y0, Y4                       \
	VUNPCKHPS   Y1, Y0, Y5                       \
	VUNPCKLPS   Y3, Y2, Y6                       \
	VUNPCKHPS   Y3, Y2, Y7                       \
	VUNPCKLPD   Y6, Y4, Y12                      \
	VUNPCKHPD   Y6, Y4, Y13                      \
	VUNPCKLPD   Y7, Y5, Y14                      \
	VUNPCKHPD   Y7, Y5, Y15

// func transpose32AVX2(dst, src *byte, dstStride, srcStride, rows, cols int)
TEXT ·transpose32AVX2(SB), NOSPLIT, $0-48
	ARGS

rows32:
	MOVQ SI, AX
	MOVQ DI, BX
	MOVQ R11, CX

block32:
	LEAQ (AX)(R9*4), DX
	HALF(0)
	VMOVUPS Y12, (BX)
	VMOVUPS Y13, (BX)(R8*1)
	VMOVUPS Y14, (BX)(R8*2)
	VMOVUPS Y15, (BX)(R13*1)
	LEAQ (BX)(R8*4), BX
	HALF(16)
	VMOVUPS Y12, (BX)
	VMOVUPS Y13, (BX)(R8*1)
	VMOVUPS Y14, (BX)(R8*2)
	VMOVUPS Y15, (BX)(R13*1)
	LEAQ (BX)(R8*4), BX
	ADDQ $32, AX
	DECQ CX
	JNZ  block32

	LEAQ (SI)(R9*8), SI
	ADDQ $32, DI
	DECQ R10
	JNZ  rows32
	VZEROUPPER
	RET
