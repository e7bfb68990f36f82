/*
 * utf8.c: see utf8.h.
 */
#include "utf8.h"

#include <stdint.h>
#include <string.h>

size_t
utf8_length(const unsigned char *bytes, size_t len)
{
	unsigned char lead = len > 0 ? bytes[0] : 0xff;
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t size;

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (len < size)
		return 0;
	if (lead == 0xe0)
		low = 0xa0; /* overlong */
	else if (lead == 0xed)
		high = 0x9f; /* surrogates */
	else if (lead == 0xf0)
		low = 0x90; /* overlong */
	else if (lead == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (bytes[1] < low || bytes[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++)
	{
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	}
	return size;
}

bool
utf8_is_valid(const unsigned char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len)
	{
		size_t size;

		/* eight ASCII bytes at a time */
		if (at + 8 <= len)
		{
			uint64_t word;

			memcpy(&word, bytes + at, 8);
			if ((word & 0x8080808080808080u) == 0)
			{
				at += 8;
				continue;
			}
		}
		size = utf8_length(bytes + at, len - at);
		if (size == 0)
			return false;
		at += size;
	}
	return true;
}
