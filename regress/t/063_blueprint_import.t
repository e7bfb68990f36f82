# Documents as other editors save them: every one becomes a sound blueprint that says
# the same when it is imported again, and has lost nothing.
# Runs what is in the folder blueprints of the folder that WRK_VECTORS names, and one
# document of every format made here, each also with random parts of it put elsewhere.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Digest::SHA qw(sha1);
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $folder = $ENV{WRK_VECTORS} ? "$ENV{WRK_VECTORS}/blueprints" : '';
my $seed = $ENV{WRK_SEED} // time;
my $node = wrk_node('main', preload => 0);

note($folder ? "with the documents of $folder" : 'with our own documents');
note("WRK_SEED=$seed");

# what must be said of documents that are not sound
my %expected = ('n8n/06_hostile_17_nodes_one_id.json' => 'duplicate_id');

$node->safe_psql('wrk', <<'EOT');
CREATE TABLE source (name text PRIMARY KEY, document jsonb);
INSERT INTO source VALUES
('own/react_flow.json', '{"nodes": [{"id": "a", "type": "in", "position": {"x": 1, "y": 2}, "data": {"label": "A"}, "selected": true},
	{"id": "b", "type": "out", "position": {"x": 3, "y": 4}, "data": {}}], "edges": [{"id": "e", "source": "a", "target": "b"}], "viewport": {"zoom": 1}}'),
('own/n8n.json', '{"name": "w", "nodes": [{"name": "A", "type": "t", "position": [1, 2], "parameters": {"p": [1, {"q": 2}]}},
	{"id": "x", "name": "B", "type": "t", "position": [3, 4]}, {"id": "y", "name": "C", "type": "t", "position": [5, 6]}], "connections":
	{"A": {"main": [[{"node": "B", "type": "main", "index": 0}], [{"node": "C", "type": "main", "index": 1}]]}, "C": {"ai_tool": [[{"node": "A", "type": "ai_tool", "index": 0}]]}}}'),
('own/node_red.json', '[{"id": "t", "type": "tab"}, {"id": "a", "type": "inject", "z": "t", "x": 1, "y": 2, "wires": [["b"], ["c", "b"]]},
	{"id": "b", "type": "switch", "x": 3, "y": 4, "wires": [["a"], []]}, {"id": "c", "type": "debug", "x": 5, "y": 6, "wires": []}]'),
('own/step_functions.json', '{"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "Next": "B"}], "Default": "C"},
	"B": {"Type": "Parallel", "Next": "C", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "D"}, "D": {"Type": "Pass", "End": true}}}]}, "C": {"Type": "Fail"}}}');

-- all strings, numbers and truths of a document
CREATE FUNCTION leaves(document jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
	SELECT DISTINCT v #>> '{}' FROM jsonb_path_query(document, 'strict $.**') v WHERE jsonb_typeof(v) NOT IN ('object', 'array', 'null')
$$;
-- what does not hold of a document's import, '' if all does; NULL for a document that is refused
CREATE FUNCTION broken(document jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	imported jsonb;
BEGIN
	BEGIN
		imported := wrk.blueprint_import(document);
	EXCEPTION WHEN SQLSTATE 'WK400' THEN
		RETURN NULL;
	END;
	RETURN concat_ws(', ',
		'problems ' || nullif(wrk.blueprint_validate(imported)::text, '[]'),
		CASE WHEN wrk.blueprint_import(document)::text <> imported::text THEN 'not the same twice' END,
		CASE WHEN wrk.blueprint_import(imported)::text <> imported::text THEN 'not the same when imported again' END,
		'diff ' || nullif(wrk.blueprint_diff(imported, wrk.blueprint_import(imported), '{"ui": []}')::text, '{}'),
		CASE WHEN wrk.blueprint_import(wrk.blueprint_export(imported))::text <> imported::text THEN 'not the same when exported between' END,
		'lost ' || (SELECT string_agg(l, ' ') FROM leaves(document) l WHERE l NOT IN (SELECT leaves(imported))));
END
$$;
-- the document with one random part of it put in the place of another
CREATE FUNCTION shuffled(document jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	part jsonb;
	place text[];
BEGIN
	SELECT v INTO part FROM jsonb_path_query(document, 'strict $.**') v ORDER BY random() LIMIT 1;
	WITH RECURSIVE places (path, value) AS (
		SELECT '{}'::text[], document
		UNION ALL
		SELECT p.path || c.key, c.value FROM places p, LATERAL (
			SELECT key, value FROM jsonb_each(CASE jsonb_typeof(p.value) WHEN 'object' THEN p.value ELSE '{}' END)
			UNION ALL
			SELECT (i - 1)::text, value FROM jsonb_array_elements(CASE jsonb_typeof(p.value) WHEN 'array' THEN p.value ELSE '[]' END) WITH ORDINALITY a (value, i)) c)
	SELECT path INTO place FROM places WHERE path <> '{}' AND cardinality(path) <= 6 ORDER BY random() LIMIT 1;
	RETURN CASE WHEN random() < 0.2 THEN document #- place
		ELSE jsonb_set(document, place, CASE WHEN random() < 0.3 THEN (ARRAY['null', '[]', '{}', '""', '0', 'true']::jsonb[])[1 + floor(random() * 6)::int] ELSE part END) END;
END
$$;
EOT

if ($folder)
{
	my @files;
	find({ wanted => sub { push @files, $File::Find::name if /\.json$/ }, no_chdir => 1 }, $folder);
	for my $file (sort @files)
	{
		my $text = slurp_file($file);
		my $name = substr($file, length("$folder/"));

		$node->safe_psql('wrk', "INSERT INTO source VALUES (\$name\$$name\$name\$, \$doc\$$text\$doc\$)");
	}
	cmp_ok(scalar @files, '>', 40, 'documents of others');
}

# ---------- as they are ----------

for my $row (split /\n/, $node->safe_psql('wrk', q{
	SELECT name, coalesce(broken(document), 'refused'), i -> 'metadata' -> 'source' ->> 'format',
		(SELECT string_agg(DISTINCT p ->> 'code', ' ') FROM jsonb_array_elements(i -> 'metadata' -> 'problems') p),
		CASE WHEN i -> 'metadata' -> 'source' ->> 'format' = 'react_flow' THEN wrk.blueprint_export(i)::text = document::text ELSE true END
	FROM source, wrk.blueprint_import(document) i ORDER BY name}))
{
	my ($name, $broken, $format, $problems, $back) = split /\|/, $row;

	is($broken, '', "$name is sound, the same again, and complete, as $format");
	is($problems, $expected{$name} // '', "$name: problems");
	is($back, 't', "$name: React Flow's own members come back");
}

# ---------- random ones ----------

my $result = $node->safe_psql('wrk', qq{
	SELECT setseed(($seed % 1000000) / 1000000.0) IS NULL;
	CREATE TABLE tried AS
	SELECT s.name, d.document, broken(d.document) AS broken
	FROM source s, generate_series(1, CASE WHEN s.name ~ '^own' THEN 250 WHEN length(s.document::text) < 20000 THEN 20 ELSE 4 END) i,
		LATERAL (SELECT shuffled(shuffled(shuffled(s.document))) AS document WHERE i > 0) d;
	SELECT count(*) || ' documents, ' || count(broken) || ' of them imported' FROM tried;
	SELECT document::text || ' ' || broken FROM tried WHERE broken <> '' ORDER BY length(document::text) LIMIT 3;});
my ($ignored, $counted, @broken) = split /\n/, $result;

note($counted);
cmp_ok(($counted =~ /, (\d+) of/)[0], '>', 300, 'of documents in disorder many are imported');
is_deeply(\@broken, [], "and all that are keep the promises (WRK_SEED=$seed)");

# ---------- ids ----------

# RFC 9562, 5.5
sub uuid5
{
	my ($space, $name) = @_;
	my @bytes = unpack('C16', sha1(pack('H*', $space =~ tr/-//dr) . $name));

	$bytes[6] = $bytes[6] & 0x0f | 0x50;
	$bytes[8] = $bytes[8] & 0x3f | 0x80;
	return join '-', unpack('A8 A4 A4 A4 A12', unpack('H*', pack('C16', @bytes)));
}

is(uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com'),
	'2ed6657d-e927-568b-95e1-2665a8aea6a2', 'the example of RFC 9562, A.4, made here');
my $space = '28afb415-65eb-4381-a8ec-d1922172b27f';
is($node->safe_psql('wrk', q{SELECT wrk.blueprint_import('{"nodes": [{"name": "A"}], "connections": {}}') #>> '{nodes,0,id}'}),
	uuid5($space, "n8n\0A\0" . "0\0"), 'the id of a node without one is what others make of its name');
is($node->safe_psql('wrk', q{SELECT wrk.blueprint_import('{"StartAt": "A", "States": {"A": {}}}') #>> '{nodes,0,id}'}),
	uuid5($space, 'A'), 'and that of a state');

done_testing();
