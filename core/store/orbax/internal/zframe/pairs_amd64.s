//go:build !purego

#include "textflag.h"

// One lookup: what the first 12 bits of BITS stand for goes to TO. The shift
// leaves bit 15 of the entry, two symbols rather than one, in the carry.
#define LOOKUP(BITS, TO) \
	SHRXQ R15, BITS, CX; \
	MOVL  (R14)(CX*4), AX; \
	SHLXQ AX, BITS, BITS; \
	SHRL  $16, AX; \
	MOVW  AX, (TO); \
	ADCQ  $1, TO

#define LOOKUPS \
	LOOKUP(R8, SI); \
	LOOKUP(R9, DI); \
	LOOKUP(R10, R12); \
	LOOKUP(R11, R13)

// Take new bits: as many whole bytes as are used, of the others the bits.
#define RELOAD(BITS, FROM) \
	TZCNTQ BITS, CX; \
	MOVQ   CX, AX; \
	SHRQ   $3, AX; \
	ANDL   $7, CX; \
	MOVQ   FROM, BX; \
	SUBQ   AX, BX; \
	MOVQ   BX, FROM; \
	MOVQ   (BX), BITS; \
	ORQ    $1, BITS; \
	SHLXQ  CX, BITS, BITS

// func pairs4(s *pairState, dst, src *byte, n int)
TEXT ·pairs4(SB), NOSPLIT, $0-32
	MOVQ s+0(FP), DX
	MOVQ 0(DX), R14
	MOVQ 8(DX), R8
	MOVQ 16(DX), R9
	MOVQ 24(DX), R10
	MOVQ 32(DX), R11

	// from and to become addresses while this runs.
	MOVQ src+16(FP), AX
	ADDQ AX, 40(DX)
	ADDQ AX, 48(DX)
	ADDQ AX, 56(DX)
	ADDQ AX, 64(DX)
	MOVQ dst+8(FP), AX
	MOVQ 72(DX), SI
	MOVQ 80(DX), DI
	MOVQ 88(DX), R12
	MOVQ 96(DX), R13
	ADDQ AX, SI
	ADDQ AX, DI
	ADDQ AX, R12
	ADDQ AX, R13
	MOVQ $52, R15

	PCALIGN $32
loop:
	LOOKUPS
	LOOKUPS
	LOOKUPS
	LOOKUPS
	RELOAD(R8, 40(DX))
	RELOAD(R9, 48(DX))
	RELOAD(R10, 56(DX))
	RELOAD(R11, 64(DX))
	DECQ n+24(FP)
	JNZ  loop

	MOVQ src+16(FP), AX
	SUBQ AX, 40(DX)
	SUBQ AX, 48(DX)
	SUBQ AX, 56(DX)
	SUBQ AX, 64(DX)
	MOVQ dst+8(FP), AX
	SUBQ AX, SI
	SUBQ AX, DI
	SUBQ AX, R12
	SUBQ AX, R13
	MOVQ R8, 8(DX)
	MOVQ R9, 16(DX)
	MOVQ R10, 24(DX)
	MOVQ R11, 32(DX)
	MOVQ SI, 72(DX)
	MOVQ DI, 80(DX)
	MOVQ R12, 88(DX)
	MOVQ R13, 96(DX)
	RET
