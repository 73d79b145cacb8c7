//go:build !purego

#include "textflag.h"

// func streamAVX2(dst, src *byte, lines int)
TEXT ·streamAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ lines+16(FP), CX

next:
	VMOVDQU  (SI), Y0
	VMOVDQU  32(SI), Y1
	VMOVNTDQ Y0, (DI)
	VMOVNTDQ Y1, 32(DI)
	ADDQ     $64, SI
	ADDQ     $64, DI
	DECQ     CX
	JNZ      next
	VZEROUPPER
	RET

// func endStream()
TEXT ·endStream(SB), NOSPLIT, $0-0
	SFENCE
	RET
