/*
 * wsframe.h
 *	  WebSocket framing (RFC 6455 section 5.2), as little as a benchmark needs.
 *
 * Both ends of the benchmark use the sample key of RFC 6455 section 1.3, whose
 * answer is a constant, so neither needs SHA-1.  Real servers compute the same.
 */
#ifndef BENCH_WSFRAME_H
#define BENCH_WSFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_SAMPLE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_SAMPLE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define WS_HEADER_MAX 14

typedef enum WsOpcode
{
	WS_CONTINUATION = 0x0,
	WS_TEXT = 0x1,
	WS_BINARY = 0x2,
	WS_CLOSE = 0x8,
	WS_PING = 0x9,
	WS_PONG = 0xA
} WsOpcode;

typedef struct WsHeader
{
	WsOpcode opcode;
	bool final;
	bool masked;
	uint8_t mask[4];
	uint64_t payload_length;
} WsHeader;

extern size_t ws_header_parse(const uint8_t *bytes, size_t length, WsHeader *header);
extern size_t ws_header_build(uint8_t *bytes, WsOpcode opcode, bool masked,
							  uint64_t payload_length);
extern void ws_mask(uint8_t *bytes, size_t length, const uint8_t mask[4]);

#endif /* BENCH_WSFRAME_H */
