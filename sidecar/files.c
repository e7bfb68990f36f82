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
	char etag[64];

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
	if (!read_whole(fd, (size_t) about->st_size, &answer->body))
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
