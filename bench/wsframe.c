/*
 * wsframe.c
 *	  WebSocket framing (RFC 6455 section 5.2), as little as a benchmark needs.
 */
#include "wsframe.h"

#include <string.h>

#define FINAL_BIT 0x80
#define MASKED_BIT 0x80
#define LENGTH_16 126
#define LENGTH_64 127

/* Any mask will do on loopback; the server must undo it all the same. */
static const uint8_t client_mask[4] = {0x37, 0xfa, 0x21, 0x3d};


/* Read a big-endian number of up to eight bytes. */
static uint64_t
read_be(const uint8_t *bytes, size_t length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* Write a big-endian number of up to eight bytes. */
static void
write_be(uint8_t *bytes, size_t length, uint64_t value)
{
	while (length-- > 0)
	{
		bytes[length] = (uint8_t) value;
		value >>= 8;
	}
}

/* Decode a header.  Returns its size, or 0 when not all of it is there yet. */
size_t
ws_header_parse(const uint8_t *bytes, size_t length, WsHeader *header)
{
	size_t size = 2;
	size_t extended = 0;
	uint8_t short_length;

	if (length < size)
		return 0;
	short_length = bytes[1] & 0x7f;
	if (short_length >= LENGTH_16)
		extended = short_length == LENGTH_16 ? 2 : 8;
	header->opcode = (WsOpcode) (bytes[0] & 0x0f);
	header->final = (bytes[0] & FINAL_BIT) != 0;
	header->masked = (bytes[1] & MASKED_BIT) != 0;
	size += extended + (header->masked ? 4 : 0);
	if (length < size)
		return 0;
	header->payload_length = extended > 0 ? read_be(bytes + 2, extended) : short_length;
	if (header->masked)
		memcpy(header->mask, bytes + 2 + extended, 4);
	return size;
}

/* Encode the header of an unfragmented frame into WS_HEADER_MAX bytes; returns its size.
 */
size_t
ws_header_build(uint8_t *bytes, WsOpcode opcode, bool masked, uint64_t payload_length)
{
	size_t extended = payload_length < LENGTH_16 ? 0 : payload_length <= 0xffff ? 2 : 8;
	uint8_t short_length = (uint8_t) payload_length;

	if (extended > 0)
		short_length = extended == 2 ? LENGTH_16 : LENGTH_64;
	bytes[0] = (uint8_t) (FINAL_BIT | (unsigned) opcode);
	bytes[1] = (uint8_t) ((masked ? MASKED_BIT : 0) | short_length);
	write_be(bytes + 2, extended, payload_length);
	if (masked)
		memcpy(bytes + 2 + extended, client_mask, 4);
	return 2 + extended + (masked ? 4 : 0);
}

/* Mask or unmask in place; it is its own inverse. */
void
ws_mask(uint8_t *bytes, size_t length, const uint8_t mask[4])
{
	for (size_t i = 0; i < length; i++)
		bytes[i] ^= mask[i & 3];
}
