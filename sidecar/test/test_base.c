/* Layer 0: strmap, buf, config, clock. */
#include "buf.h"
#include "config.h"
#include "list.h"
#include "mem.h"
#include "strmap.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

static void
test_strmap(void)
{
	enum
	{
		N = 5000
	};
	static char keys[N][16];
	StrMap map = {0};
	int wrong = 0;
	size_t position = 0;
	size_t seen = 0;

	for (int i = 0; i < N; i++)
	{
		snprintf(keys[i], sizeof(keys[i]), "channel:%d", i);
		strmap_add(&map, keys[i], keys[i]);
	}
	for (int i = 0; i < N; i++)
		wrong += strmap_get(&map, keys[i]) != keys[i];
	ok(wrong == 0 && map.count == N, "every key that was added is found");
	ok(strmap_get(&map, "absent") == NULL, "an absent key is not");
	while (strmap_next(&map, &position) != NULL)
		seen++;
	ok(seen == N, "iteration sees each entry once");
	for (int i = 0; i < N; i += 2)
		wrong += strmap_remove(&map, keys[i]) != keys[i];
	for (int i = 0; i < N; i++)
		wrong += strmap_get(&map, keys[i]) != (i % 2 ? keys[i] : NULL);
	ok(wrong == 0, "removing half leaves exactly the other half");
	for (int i = 1; i < N; i += 2)
		strmap_remove(&map, keys[i]);
	ok(map.count == 0 && map.cap <= 16, "an emptied map gives its memory back");
	ok(strmap_remove(&map, "absent") == NULL, "removing what is not there is harmless");
	strmap_free(&map);
}

static void
test_buf(void)
{
	Buf buf = {0};

	buf_json_string(&buf, "a\"b\\c\nd\x01\x7f\xc3\xa9");
	ok(strcmp(buf_cstr(&buf), "\"a\\\"b\\\\c\\nd\\u0001\x7f\xc3\xa9\"") == 0,
	   "a JSON string escapes what must be and nothing else");
	buf.len = 0;
	buf_json_string(&buf, NULL);
	ok(strcmp(buf_cstr(&buf), "null") == 0, "no string is null");
	buf.len = 0;
	for (int i = 0; i < 1000; i++)
		buf_printf(&buf, "%03d", i);
	buf_consume(&buf, 2997);
	ok(buf.len == 3 && memcmp(buf.data, "999", 3) == 0, "consuming keeps the rest");
	buf_consume(&buf, 50);
	ok(buf.len == 0, "consuming more than there is empties it");
	buf_free(&buf);
}

static void
test_list(void)
{
	List list;
	ListNode nodes[3];

	list_init(&list);
	for (int i = 0; i < 3; i++)
		list_push_tail(&list, &nodes[i]);
	list_remove(&nodes[1]);
	list_remove(&nodes[1]);
	ok(!list_is_linked(&nodes[1]), "removing twice is harmless");
	ok(list_pop_head(&list) == &nodes[0] && list_pop_head(&list) == &nodes[2] &&
		   list_pop_head(&list) == NULL,
	   "a list gives back in order what was put in");
}

static ConfigResult
load(Config *config, Buf *error, int argc, const char **argv)
{
	Buf out = {0};
	ConfigResult result;

	error->len = 0;
	result = config_load(config, argc, (char **) (uintptr_t) argv, &out, error);
	buf_free(&out);
	return result;
}

static void
test_config_sources(void)
{
	const char *argv[] = {"gateway", "--config", "", "--port", "3", NULL};
	char path[] = "/tmp/wrk-config-XXXXXX";
	int fd = mkstemp(path);
	Config config;
	Buf error = {0};

	ok(load(&config, &error, 1, argv) == CONFIG_RUN && config.port == 8787 &&
		   strcmp(config.listen, "127.0.0.1") == 0,
	   "defaults without any source");
	config_free(&config);
	ok(dprintf(fd,
			   "# comment\n\nport = 1\npool_size=2\nlisten = '::1'\nname = \"a b\"\n") >
		   0,
	   "(a file)");
	close(fd);
	argv[2] = path;
	ok(load(&config, &error, 3, argv) == CONFIG_RUN && config.port == 1 &&
		   config.pool_size == 2 && strcmp(config.listen, "::1") == 0 &&
		   strcmp(config.name, "a b") == 0,
	   "the file overrides defaults");
	config_free(&config);
	setenv("WRK_GATEWAY_PORT", "2", 1);
	ok(load(&config, &error, 3, argv) == CONFIG_RUN && config.port == 2 &&
		   config.pool_size == 2,
	   "the environment overrides the file");
	config_free(&config);
	ok(load(&config, &error, 5, argv) == CONFIG_RUN && config.port == 3,
	   "flags override the environment");
	config_free(&config);
	unsetenv("WRK_GATEWAY_PORT");
	unlink(path);
	buf_free(&error);
}

static void
refuses(const char *value, const char *option, const char *expected)
{
	const char *argv[] = {"gateway", option, value, NULL};
	Config config;
	Buf error = {0};
	ConfigResult result = load(&config, &error, value ? 3 : 2, argv);

	ok(result == CONFIG_WRONG && strstr(buf_cstr(&error), expected) != NULL,
	   "%s %s is refused: %s", option, value ? value : "", buf_cstr(&error));
	config_free(&config);
	buf_free(&error);
}

static void
test_config_refusals(void)
{
	refuses("99999", "--port", "not between 0 and 65535");
	refuses("12x", "--port", "not a whole number");
	refuses("", "--port", "not a whole number");
	refuses("1", "--no_such", "unknown flag");
	refuses(NULL, "--port", "missing value");
	refuses("/does/not/exist", "--config", "cannot open");
	refuses(NULL, "stray", "unexpected argument");
}

/* Does the file have the text in it? */
static bool
file_has(const char *path, Buf *text)
{
	FILE *file = fopen(path, "re");
	Buf whole = {0};
	char block[4096];
	size_t len;
	bool has;

	if (file == NULL)
		return false;
	while ((len = fread(block, 1, sizeof(block), file)) > 0)
		buf_append(&whole, block, len);
	fclose(file);
	has = strstr(buf_cstr(&whole), buf_cstr(text)) != NULL;
	buf_free(&whole);
	return has;
}

static void
test_written_tables(void)
{
	Buf table = {0};
	Buf man = {0};

	config_print_table(&table);
	ok(file_has("README.md", &table),
	   "the README's table of options is the one in config.c (--print-option-table)");
	config_print_man(&man);
	ok(file_has("wrk_copilot_gateway.1", &man),
	   "and so are the manual's options (--print-option-man)");
	buf_free(&table);
	buf_free(&man);
}

int
main(void)
{
	test_strmap();
	test_buf();
	test_list();
	test_config_sources();
	test_config_refusals();
	test_written_tables();
	return tap_done();
}
