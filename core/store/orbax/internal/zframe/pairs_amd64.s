//go:build !purego

#include "textflag.h"

// One lookup: what the first 12 bits of BITS stand for goes to TO. The entry is
// loaded twice, as there are more ports for loads than for shifts.
#define LOOKUP(BITS, TO) \
	SHRXQ   R15, BITS, CX; \
	MOVL    (R14)(CX*4), AX; \
	MOVWLZX 2(R14)(CX*4), BX; \
	SHLXQ   AX, BITS, BITS; \
	MOVBLZX AH, AX; \
	MOVW    BX, (TO); \
	ADDQ    AX, TO

#define LOOKUPS \
	LOOKUP(R8, SI); \
	LOOKUP(R9, DI); \
	LOOKUP(R10, R12); \
	LOOKUP(R11, R13)

// The last lookup before new bits are taken: as many whole bytes as are used, of
// the others the bits. The mark tells how many bits the lookups before it used,
// while its own entry is on the way. Of the bits used, u in all, BX gets 63-u:
//
//	(63-u)/8 = 7 - u/8      ^(63-u)%8 = u%8
#define LAST(BITS, TO, FROM) \
	SHRXQ   R15, BITS, CX; \
	TZCNTQ  BITS, BX; \
	MOVL    (R14)(CX*4), AX; \
	MOVWLZX 2(R14)(CX*4), CX; \
	XORL    $63, BX; \
	MOVW    CX, (TO); \
	SUBB    AX, BX; \
	MOVBLZX AH, AX; \
	MOVQ    FROM, CX; \
	ADDQ    AX, TO; \
	MOVL    BX, AX; \
	SHRL    $3, AX; \
	NOTL    BX; \
	MOVQ    -7(CX)(AX*1), BITS; \
	LEAQ    -7(CX)(AX*1), CX; \
	ANDL    $7, BX; \
	MOVQ    CX, FROM; \
	ORQ     $1, BITS; \
	SHLXQ   BX, BITS, BITS

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
	LAST(R8, SI, 40(DX))
	LAST(R9, DI, 48(DX))
	LAST(R10, R12, 56(DX))
	LAST(R11, R13, 64(DX))
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
