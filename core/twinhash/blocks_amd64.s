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
// that know nothing of each other: SHA256RNDS2 takes four cycles and one can
// begin in every two, so that the second lane runs in the gaps of the first.
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
	TESTQ CX, CX
	JZ    done

loop:
	MOVOU X1, 0(SP)
	MOVOU X2, 16(SP)
	MOVOU X7, 32(SP)
	MOVOU X8, 48(SP)

	// Rounds 0 to 3.
	LOAD(0, SI, X3)
	ROUNDS(0, X3, X1, X2)
	LOAD(0, DI, X9)
	ROUNDS(0, X9, X7, X8)
	// Rounds 4 to 7.
	LOAD(16, SI, X4)
	ROUNDS(16, X4, X1, X2)
	SHA256MSG1 X4, X3
	LOAD(16, DI, X10)
	ROUNDS(16, X10, X7, X8)
	SHA256MSG1 X10, X9
	// Rounds 8 to 11.
	LOAD(32, SI, X5)
	ROUNDS(32, X5, X1, X2)
	SHA256MSG1 X5, X4
	LOAD(32, DI, X11)
	ROUNDS(32, X11, X7, X8)
	SHA256MSG1 X11, X10
	// Rounds 12 to 15.
	LOAD(48, SI, X6)
	ROUNDS(48, X6, X1, X2)
	NEXT(X5, X6, X3)
	SHA256MSG1 X6, X5
	LOAD(48, DI, X12)
	ROUNDS(48, X12, X7, X8)
	NEXT(X11, X12, X9)
	SHA256MSG1 X12, X11
	// Rounds 16 to 19.
	ROUNDS(64, X3, X1, X2)
	NEXT(X6, X3, X4)
	SHA256MSG1 X3, X6
	ROUNDS(64, X9, X7, X8)
	NEXT(X12, X9, X10)
	SHA256MSG1 X9, X12
	// Rounds 20 to 23.
	ROUNDS(80, X4, X1, X2)
	NEXT(X3, X4, X5)
	SHA256MSG1 X4, X3
	ROUNDS(80, X10, X7, X8)
	NEXT(X9, X10, X11)
	SHA256MSG1 X10, X9
	// Rounds 24 to 27.
	ROUNDS(96, X5, X1, X2)
	NEXT(X4, X5, X6)
	SHA256MSG1 X5, X4
	ROUNDS(96, X11, X7, X8)
	NEXT(X10, X11, X12)
	SHA256MSG1 X11, X10
	// Rounds 28 to 31.
	ROUNDS(112, X6, X1, X2)
	NEXT(X5, X6, X3)
	SHA256MSG1 X6, X5
	ROUNDS(112, X12, X7, X8)
	NEXT(X11, X12, X9)
	SHA256MSG1 X12, X11
	// Rounds 32 to 35.
	ROUNDS(128, X3, X1, X2)
	NEXT(X6, X3, X4)
	SHA256MSG1 X3, X6
	ROUNDS(128, X9, X7, X8)
	NEXT(X12, X9, X10)
	SHA256MSG1 X9, X12
	// Rounds 36 to 39.
	ROUNDS(144, X4, X1, X2)
	NEXT(X3, X4, X5)
	SHA256MSG1 X4, X3
	ROUNDS(144, X10, X7, X8)
	NEXT(X9, X10, X11)
	SHA256MSG1 X10, X9
	// Rounds 40 to 43.
	ROUNDS(160, X5, X1, X2)
	NEXT(X4, X5, X6)
	SHA256MSG1 X5, X4
	ROUNDS(160, X11, X7, X8)
	NEXT(X10, X11, X12)
	SHA256MSG1 X11, X10
	// Rounds 44 to 47.
	ROUNDS(176, X6, X1, X2)
	NEXT(X5, X6, X3)
	SHA256MSG1 X6, X5
	ROUNDS(176, X12, X7, X8)
	NEXT(X11, X12, X9)
	SHA256MSG1 X12, X11
	// Rounds 48 to 51.
	ROUNDS(192, X3, X1, X2)
	NEXT(X6, X3, X4)
	SHA256MSG1 X3, X6
	ROUNDS(192, X9, X7, X8)
	NEXT(X12, X9, X10)
	SHA256MSG1 X9, X12
	// Rounds 52 to 55.
	ROUNDS(208, X4, X1, X2)
	NEXT(X3, X4, X5)
	ROUNDS(208, X10, X7, X8)
	NEXT(X9, X10, X11)
	// Rounds 56 to 59.
	ROUNDS(224, X5, X1, X2)
	NEXT(X4, X5, X6)
	ROUNDS(224, X11, X7, X8)
	NEXT(X10, X11, X12)
	// Rounds 60 to 63.
	ROUNDS(240, X6, X1, X2)
	ROUNDS(240, X12, X7, X8)

	MOVOU 0(SP), X13
	PADDD X13, X1
	MOVOU 16(SP), X13
	PADDD X13, X2
	MOVOU 32(SP), X13
	PADDD X13, X7
	MOVOU 48(SP), X13
	PADDD X13, X8
	ADDQ  $64, SI
	ADDQ  $64, DI
	DECQ  CX
	JNZ   loop

done:
	STORE(R8, X1, X2)
	STORE(R9, X7, X8)
	RET
