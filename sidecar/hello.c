/*
 * hello.c: see hello.h.
 */
#include "hello.h"

/* A string member, or what stands for it. */
static const char *
string_or(const json_t *root, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(root, name));

	return text ? text : otherwise;
}

bool
hello_read(Hello *hello, const char *text)
{
	json_t *root = json_loads(text ? text : "", 0, NULL);

	*hello = (Hello){
		.root = root,
		.version = string_or(root, "version", "?"),
		.epoch = string_or(root, "epoch", NULL),
		.snapshot = string_or(root, "snapshot", NULL),
		.doorbell = string_or(root, "doorbell", "?"),
		.errors = json_object_get(root, "errors"),
		.receipts = json_object_get(root, "receipts"),
	};
	return hello->epoch != NULL && hello->snapshot != NULL &&
		   json_integer_value(json_object_get(root, "protocol")) == 1;
}

void
hello_free(Hello *hello)
{
	json_decref(hello->root);
	*hello = (Hello){0};
}

const char *
hello_listen(const Hello *hello, size_t i)
{
	return json_string_value(json_array_get(json_object_get(hello->root, "listen"), i));
}

const char *
listen_statement(Buf *sql, const char *name)
{
	sql->len = 0;
	buf_puts(sql, "LISTEN \"");
	for (; *name; name++)
	{
		if (*name == '"')
			buf_puts(sql, "\"");
		buf_append(sql, name, 1);
	}
	buf_puts(sql, "\"");
	return buf_cstr(sql);
}
