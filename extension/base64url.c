/*
 * base64url.c
 *	  Base64url as tokens and keys use it; see base64url.h.
 *
 * Must stay true: decoding accepts exactly the strings that encoding produces.
 * A lenient decoder would let one signature be written in several ways, and a
 * list of revoked tokens could then be walked around.
 */
#include "base64url.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* value of a character + 1, so that 0 means "not of the alphabet" */
/* sixteen a line, as ASCII tables are read */
/* clang-format off */
static const uint8
	values
		[256] =
			{
				['A'] = 1, 2,  3,  4,  5,          6,  7,  8,          9,          10, 11,
				12,        13, 14, 15, 16,         17, 18, 19,         20,         21, 22,
				23,        24, 25, 26, ['a'] = 27, 28, 29, 30,         31,         32, 33,
				34,        35, 36, 37, 38,         39, 40, 41,         42,         43, 44,
				45,        46, 47, 48, 49,         50, 51, 52,         ['0'] = 53, 54, 55,
				56,        57, 58, 59, 60,         61, 62, ['-'] = 63, ['_'] = 64,
};
/* clang-format on */

size_t
base64url_encode(const uint8 *src, size_t len, char *dst)
{
	char *out = dst;

	for (; len >= 3; len -= 3, src += 3)
	{
		uint32 group = (uint32) src[0] << 16 | (uint32) src[1] << 8 | src[2];

		*out++ = alphabet[group >> 18];
		*out++ = alphabet[(group >> 12) & 63];
		*out++ = alphabet[(group >> 6) & 63];
		*out++ = alphabet[group & 63];
	}
	if (len > 0)
	{
		uint32 group = (uint32) src[0] << 16 | (len == 2 ? (uint32) src[1] << 8 : 0);

		*out++ = alphabet[group >> 18];
		*out++ = alphabet[(group >> 12) & 63];
		if (len == 2)
			*out++ = alphabet[(group >> 6) & 63];
	}
	return out - dst;
}

/* the last two or three characters, whose unused bits must be zero */
static ssize_t
decode_tail(const uint8 *src, size_t len, uint8 *dst)
{
	uint32 a = values[src[0]];
	uint32 b = values[src[1]];
	uint32 c = len == 3 ? values[src[2]] : 1;
	uint32 group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6;

	if (a == 0 || b == 0 || c == 0)
		return -1;
	if (group & (len == 3 ? 0xff : 0xffff))
		return -1;
	dst[0] = group >> 16;
	if (len == 3)
		dst[1] = group >> 8;
	return len - 1;
}

ssize_t
base64url_decode(const char *src, size_t len, uint8 *dst)
{
	const uint8 *in = (const uint8 *) src;
	uint8 *out = dst;
	ssize_t tail = 0;

	for (; len >= 4; len -= 4, in += 4)
	{
		uint32 a = values[in[0]];
		uint32 b = values[in[1]];
		uint32 c = values[in[2]];
		uint32 d = values[in[3]];
		uint32 group = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);

		if (a == 0 || b == 0 || c == 0 || d == 0)
			return -1;
		*out++ = group >> 16;
		*out++ = group >> 8;
		*out++ = group;
	}
	if (len == 1)
		return -1;
	if (len > 0)
		tail = decode_tail(in, len, out);
	return tail < 0 ? -1 : out - dst + tail;
}
