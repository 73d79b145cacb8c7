//go:build !purego

#include "textflag.h"

// The byte order of a message: big-endian words.
DATA swap<>+0(SB)/8, $0x0405060700010203
DATA swap<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL swap<>(SB), RODATA|NOPTR, $16

// The constants of FIPS 180-4, section 4.2.2.
DATA constants<>+0(SB)/8, $0x71374491428a2f98
DATA constants<>+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA constants<>+16(SB)/8, $0x59f111f13956c25b
DATA constants<>+24(SB)/8, $0xab1c5ed5923f82a4
DATA constants<>+32(SB)/8, $0x12835b01d807aa98
DATA constants<>+40(SB)/8, $0x550c7dc3243185be
DATA constants<>+48(SB)/8, $0x80deb1fe72be5d74
DATA constants<>+56(SB)/8, $0xc19bf1749bdc06a7
DATA constants<>+64(SB)/8, $0xefbe4786e49b69c1
DATA constants<>+72(SB)/8, $0x240ca1cc0fc19dc6
DATA constants<>+80(SB)/8, $0x4a7484aa2de92c6f
DATA constants<>+88(SB)/8, $0x76f988da5cb0a9dc
DATA constants<>+96(SB)/8, $0xa831c66d983e5152
DATA constants<>+104(SB)/8, $0xbf597fc7b00327c8
DATA constants<>+112(SB)/8, $0xd5a79147c6e00bf3
DATA constants<>+120(SB)/8, $0x1429296706ca6351
DATA constants<>+128(SB)/8, $0x2e1b213827b70a85
DATA constants<>+136(SB)/8, $0x53380d134d2c6dfc
DATA constants<>+144(SB)/8, $0x766a0abb650a7354
DATA constants<>+152(SB)/8, $0x92722c8581c2c92e
DATA constants<>+160(SB)/8, $0xa81a664ba2bfe8a1
DATA constants<>+168(SB)/8, $0xc76c51a3c24b8b70
DATA constants<>+176(SB)/8, $0xd6990624d192e819
DATA constants<>+184(SB)/8, $0x106aa070f40e3585
DATA constants<>+192(SB)/8, $0x1e376c0819a4c116
DATA constants<>+200(SB)/8, $0x34b0bcb52748774c
DATA constants<>+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA constants<>+216(SB)/8, $0x682e6ff35b9cca4f
DATA constants<>+224(SB)/8, $0x78a5636f748f82ee
DATA constants<>+232(SB)/8, $0x8cc7020884c87814
DATA constants<>+240(SB)/8, $0xa4506ceb90befffa
DATA constants<>+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL constants<>(SB), RODATA|NOPTR, $256

// The rounds as Intel gives them ("New Instructions Supporting the Secure Hash
// Algorithm on Intel Architecture Processors", 2013), for two lanes, A and B,
// that know nothing of each other: SHA256RNDS2 takes four cycles and another one
// can begin before it ends, so that the second lane runs in the gaps of the first.
//
//	lane  state       message        bytes
//	A     X1 X2       X3 X4 X5 X6    SI
//	B     X7 X8       X9 X10 X11 X12 DI
//
// X0 holds words and constants, added; X13 is free, X14 is swap.

// ROUNDS: four rounds, with the words in m.
#define ROUNDS(k, m, s0, s1) \
	MOVO        m, X0       \
	PADDD       k(AX), X0   \
	SHA256RNDS2 X0, s0, s1  \
	PSHUFD      $0x0e, X0, X0 \
	SHA256RNDS2 X0, s1, s0

// SHARED: four rounds of both lanes, with the same words.
#define SHARED(k, m) \
	MOVO        m, X0      \
	PADDD       k(AX), X0  \
	SHA256RNDS2 X0, X1, X2 \
	SHA256RNDS2 X0, X7, X8 \
	PSHUFD      $0x0e, X0, X0 \
	SHA256RNDS2 X0, X2, X1 \
	SHA256RNDS2 X0, X8, X7

// LOAD: the words at off of the block.
#define LOAD(off, p, m) \
	MOVOU  off(p), m \
	PSHUFB X14, m

// NEXT finishes the four words after m in next, which SHA256MSG1 has begun; prev
// are those before m.
#define NEXT(prev, m, next) \
	MOVO       m, X13       \
	PALIGNR    $4, prev, X13 \
	PADDD      X13, next    \
	SHA256MSG2 m, next

// FIRST: rounds with words of the message itself, and the beginning of the words
// that follow from prev.
#define FIRST(off, prev, m, s0, s1, p) \
	LOAD(off, p, m)     \
	ROUNDS(off, m, s0, s1) \
	SHA256MSG1 m, prev

// MIDDLE: rounds, the end of the next four words, the beginning of later ones.
#define MIDDLE(k, prev, m, next, s0, s1) \
	ROUNDS(k, m, s0, s1) \
	NEXT(prev, m, next)  \
	SHA256MSG1 m, prev

// LAST: rounds and the end of the next four words.
#define LAST(k, prev, m, next, s0, s1) \
	ROUNDS(k, m, s0, s1) \
	NEXT(prev, m, next)

// The same for both lanes, one behind the other.
#define FIRSTS(off, prevA, mA, prevB, mB) \
	FIRST(off, prevA, mA, X1, X2, SI) \
	FIRST(off, prevB, mB, X7, X8, DI)

#define MIDDLES(k, prevA, mA, nextA, prevB, mB, nextB) \
	MIDDLE(k, prevA, mA, nextA, X1, X2) \
	MIDDLE(k, prevB, mB, nextB, X7, X8)

#define LASTS(k, prevA, mA, nextA, prevB, mB, nextB) \
	LAST(k, prevA, mA, nextA, X1, X2) \
	LAST(k, prevB, mB, nextB, X7, X8)

// The same with shared words.
#define FIRSTSHARED(off, prev, m) \
	LOAD(off, SI, m)   \
	SHARED(off, m)     \
	SHA256MSG1 m, prev

#define MIDDLESHARED(k, prev, m, next) \
	SHARED(k, m)        \
	NEXT(prev, m, next) \
	SHA256MSG1 m, prev

#define LASTSHARED(k, prev, m, next) \
	SHARED(k, m) \
	NEXT(prev, m, next)

// LANE loads a state: s0 is ABEF, s1 is CDGH, highest first.
#define LANE(h, s0, s1) \
	MOVOU   (h), s0         \
	MOVOU   16(h), s1       \
	PSHUFD  $0xb1, s0, s0   \
	PSHUFD  $0x1b, s1, s1   \
	MOVO    s0, X13         \
	PALIGNR $8, s1, s0      \
	PBLENDW $0xf0, X13, s1

// STORE puts a state back.
#define STORE(h, s0, s1) \
	PSHUFD  $0x1b, s0, s0   \
	PSHUFD  $0xb1, s1, s1   \
	MOVO    s0, X13         \
	PBLENDW $0xf0, s1, s0   \
	PALIGNR $8, X13, s1     \
	MOVOU   s0, (h)         \
	MOVOU   s1, 16(h)

// BEGIN keeps both states before the rounds of a block, END adds them after.
#define BEGIN \
	MOVOU X1, 0(SP)  \
	MOVOU X2, 16(SP) \
	MOVOU X7, 32(SP) \
	MOVOU X8, 48(SP)

#define END \
	MOVOU 0(SP), X13  \
	PADDD X13, X1     \
	MOVOU 16(SP), X13 \
	PADDD X13, X2     \
	MOVOU 32(SP), X13 \
	PADDD X13, X7     \
	MOVOU 48(SP), X13 \
	PADDD X13, X8

// func hasSHA() bool
TEXT ·hasSHA(SB), NOSPLIT, $0-1
	MOVB  $0, ret+0(FP)
	XORL  AX, AX
	CPUID
	CMPL  AX, $7
	JB    none
	MOVL  $7, AX
	XORL  CX, CX
	CPUID
	SHRL  $29, BX
	ANDL  $1, BX
	MOVB  BX, ret+0(FP)

none:
	RET

// func blocksSHA(a, b *[8]uint32, p, q *byte, n int)
TEXT ·blocksSHA(SB), NOSPLIT, $64-40
	MOVQ  a+0(FP), R8
	MOVQ  b+8(FP), R9
	MOVQ  p+16(FP), SI
	MOVQ  q+24(FP), DI
	MOVQ  n+32(FP), CX
	LEAQ  constants<>(SB), AX
	MOVOU swap<>(SB), X14
	LANE(R8, X1, X2)
	LANE(R9, X7, X8)

loop:
	BEGIN
	LOAD(0, SI, X3)
	ROUNDS(0, X3, X1, X2)
	LOAD(0, DI, X9)
	ROUNDS(0, X9, X7, X8)
	FIRSTS(16, X3, X4, X9, X10)
	FIRSTS(32, X4, X5, X10, X11)
	LOAD(48, SI, X6)
	MIDDLE(48, X5, X6, X3, X1, X2)
	LOAD(48, DI, X12)
	MIDDLE(48, X11, X12, X9, X7, X8)
	MIDDLES(64, X6, X3, X4, X12, X9, X10)
	MIDDLES(80, X3, X4, X5, X9, X10, X11)
	MIDDLES(96, X4, X5, X6, X10, X11, X12)
	MIDDLES(112, X5, X6, X3, X11, X12, X9)
	MIDDLES(128, X6, X3, X4, X12, X9, X10)
	MIDDLES(144, X3, X4, X5, X9, X10, X11)
	MIDDLES(160, X4, X5, X6, X10, X11, X12)
	MIDDLES(176, X5, X6, X3, X11, X12, X9)
	MIDDLES(192, X6, X3, X4, X12, X9, X10)
	LASTS(208, X3, X4, X5, X9, X10, X11)
	LASTS(224, X4, X5, X6, X10, X11, X12)
	ROUNDS(240, X6, X1, X2)
	ROUNDS(240, X12, X7, X8)
	END
	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop

	STORE(R8, X1, X2)
	STORE(R9, X7, X8)
	RET

// func sharedSHA(a, b *[8]uint32, p *byte, n int)
TEXT ·sharedSHA(SB), NOSPLIT, $64-32
	MOVQ  a+0(FP), R8
	MOVQ  b+8(FP), R9
	MOVQ  p+16(FP), SI
	MOVQ  n+24(FP), CX
	LEAQ  constants<>(SB), AX
	MOVOU swap<>(SB), X14
	LANE(R8, X1, X2)
	LANE(R9, X7, X8)

shared:
	BEGIN
	LOAD(0, SI, X3)
	SHARED(0, X3)
	FIRSTSHARED(16, X3, X4)
	FIRSTSHARED(32, X4, X5)
	LOAD(48, SI, X6)
	MIDDLESHARED(48, X5, X6, X3)
	MIDDLESHARED(64, X6, X3, X4)
	MIDDLESHARED(80, X3, X4, X5)
	MIDDLESHARED(96, X4, X5, X6)
	MIDDLESHARED(112, X5, X6, X3)
	MIDDLESHARED(128, X6, X3, X4)
	MIDDLESHARED(144, X3, X4, X5)
	MIDDLESHARED(160, X4, X5, X6)
	MIDDLESHARED(176, X5, X6, X3)
	MIDDLESHARED(192, X6, X3, X4)
	LASTSHARED(208, X3, X4, X5)
	LASTSHARED(224, X4, X5, X6)
	SHARED(240, X6)
	END
	ADDQ $64, SI
	DECQ CX
	JNZ  shared

	STORE(R8, X1, X2)
	STORE(R9, X7, X8)
	RET
