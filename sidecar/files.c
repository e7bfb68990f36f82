/*
 * files.c: see files.h.
 */
#include "files.h"

#include "url.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTENT_SECURITY_POLICY \
	"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; " \
	"frame-ancestors 'none'"

#define ETAG_SIZE 64

/*
 * A file that was read. However many are being sent it, slowly perhaps, it is in memory
 * once, as long as it is kept.
 */
typedef struct Kept
{
	dev_t device;
	char etag[ETAG_SIZE];
	Chunk *chunk;
} Kept;

static Kept kept[FILES_KEPT]; /* a ring */
static size_t first;
static size_t nkept;
static size_t kept_bytes;

/* Opens a path name by name, following no link; -1 when that cannot be. */
static int
open_below(const char *folder, char *path)
{
	int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *save = NULL;
	char *name = strtok_r(path, "/", &save);

	while (at >= 0 && name != NULL)
	{
		char *next = strtok_r(NULL, "/", &save);
		/* not to wait for the other end of a pipe that somebody put there */
		int how = next ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK | O_NOCTTY;
		int fd = openat(at, name, how | O_NOFOLLOW | O_CLOEXEC);

		close(at);
		at = fd;
		name = next;
	}
	return at;
}

/* Changes whenever the file does, by all that the file system tells. */
static void
format_etag(char *etag, size_t size, const struct stat *about)
{
	snprintf(etag, size, "\"%" PRIxMAX "-%" PRIxMAX "-%" PRIx64 "\"",
			 (uintmax_t) about->st_ino, (uintmax_t) about->st_size,
			 (int64_t) about->st_mtim.tv_sec * 1000000000 + about->st_mtim.tv_nsec);
}

/* Does the client have this one already? */
static bool
has_it(const HttpHead *head, const char *etag)
{
	HttpListState walk = {0, NULL};
	const char *item;
	size_t len;

	while (http_list_next(head, "If-None-Match", &walk, &item, &len))
	{
		if (len > 2 && memcmp(item, "W/", 2) == 0)
		{
			item += 2;
			len -= 2;
		}
		if ((len == 1 && *item == '*') ||
			(len == strlen(etag) && memcmp(item, etag, len) == 0))
			return true;
	}
	return false;
}

/* The whole file; false when it is shorter than it said. */
static bool
read_whole(int fd, size_t size, Buf *out)
{
	buf_reserve(out, size + 1);
	while (out->len < size)
	{
		ssize_t got = read(fd, out->data + out->len, size - out->len);

		if (got <= 0)
			return false;
		out->len += (size_t) got;
	}
	return true;
}

/* --------------------------------------------------------- what is in memory */

/* Forgets what was read the longest ago. */
static void
forget_one(void)
{
	Kept *oldest = &kept[first];

	kept_bytes -= oldest->chunk->len;
	chunk_unref(oldest->chunk);
	first = (first + 1) % FILES_KEPT;
	nkept--;
}

/* What is kept of this file as it is now; NULL for nothing. */
static Chunk *
find_kept(dev_t device, const char *etag)
{
	for (size_t i = 0; i < nkept; i++)
	{
		Kept *item = &kept[(first + i) % FILES_KEPT];

		if (item->device == device && strcmp(item->etag, etag) == 0)
			return item->chunk;
	}
	return NULL;
}

/* Keeps a file for the next who ask for it. */
static Chunk *
keep(dev_t device, const char *etag, const Buf *bytes)
{
	Kept *item;

	while (nkept == FILES_KEPT ||
		   (nkept > 0 && kept_bytes + bytes->len > FILES_KEPT_BYTES))
		forget_one();
	item = &kept[(first + nkept++) % FILES_KEPT];
	item->device = device;
	snprintf(item->etag, sizeof(item->etag), "%s", etag);
	item->chunk = chunk_new(CLASS_REPLY, bytes->data, bytes->len, 1, NULL);
	kept_bytes += bytes->len;
	return item->chunk;
}

void
files_free(void)
{
	while (nkept > 0)
		forget_one();
}

/* The bytes of the file, borrowed; NULL when they cannot be had. */
static Chunk *
bytes_of(int fd, const char *etag, const struct stat *about)
{
	Chunk *chunk = find_kept(about->st_dev, etag);
	Buf bytes = {0};

	if (chunk == NULL && read_whole(fd, (size_t) about->st_size, &bytes))
		chunk = keep(about->st_dev, etag, &bytes);
	buf_free(&bytes);
	return chunk;
}

/* ------------------------------------------------------------------ answers */

/* What is not there, and what may not be seen, alike. */
static void
set_not_found(Answer *answer)
{
	buf_free(&answer->headers);
	buf_free(&answer->body);
	answer->status = 404;
	answer->caching = NULL;
	answer->content_type = "text/plain; charset=utf-8";
	buf_puts(&answer->body, "there is nothing here\n");
}

/* The file, or that the client has it. */
static void
answer_file(int fd, const char *type, const struct stat *about, const HttpHead *head,
			Answer *answer)
{
	char etag[ETAG_SIZE];

	format_etag(etag, sizeof(etag), about);
	answer->status = has_it(head, etag) ? 304 : 200;
	answer->caching = "no-cache"; /* kept, but asked about each time */
	buf_printf(&answer->headers,
			   "ETag: %s\r\nContent-Security-Policy: " CONTENT_SECURITY_POLICY
			   "\r\nReferrer-Policy: no-referrer\r\n",
			   etag);
	if (answer->status == 304)
		return;
	answer->content_type = type;
	answer->shared = bytes_of(fd, etag, about);
	if (answer->shared == NULL)
		set_not_found(answer);
}

void
files_answer(const char *folder, const HttpHead *head, Answer *answer)
{
	Buf path = {0};
	struct stat about;
	const char *type;
	int fd = -1;

	if (*folder != '\0' && url_file_path(&path, head->path))
	{
		type = url_content_type(buf_cstr(&path));
		fd = open_below(folder, path.data);
	}
	if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode) &&
		about.st_size <= FILE_BYTES_MAX)
		answer_file(fd, type, &about, head, answer);
	else
		set_not_found(answer);
	if (fd >= 0)
		close(fd);
	buf_free(&path);
}
