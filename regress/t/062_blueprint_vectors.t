# What a diff of blueprints says and does: the cases of regress/vectors/blueprint.json,
# which other implementations run as well, and, if WRK_VECTORS names a folder, real
# revisions of documents from its folder blueprints/chains.
#
# A vector is {name, fn, arguments by name, "expected" or "error", "detail"}.  Members of
# objects are in no order; lists are, with paths in the order of their names: shorter
# ones first, then by bytes of UTF-8.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use File::Basename;
use File::Glob ':bsd_glob';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $folder = $ENV{WRK_VECTORS} // '';
my $node = wrk_node('main', preload => 0);

note($folder ? "with the revisions of $folder" : 'with our own vectors');

$node->safe_psql('wrk', <<'EOT');
CREATE FUNCTION call(v jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT CASE v ->> 'fn'
		WHEN 'diff' THEN wrk.blueprint_diff(v -> 'old', v -> 'new', coalesce(v -> 'options', '{}'))
		WHEN 'patch' THEN wrk.blueprint_patch(v -> 'doc', v -> 'diff')
		WHEN 'merge' THEN wrk.blueprint_merge(v -> 'base', v -> 'ours', v -> 'theirs', coalesce(v -> 'options', '{}'))
		WHEN 'invert' THEN wrk.blueprint_invert(v -> 'diff', v -> 'doc')
		WHEN 'strip' THEN wrk.blueprint_strip(v -> 'doc', coalesce(v -> 'options', '{}')) END
$$;
CREATE FUNCTION outcome(v jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	RETURN jsonb_build_object('expected', call(v));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN jsonb_build_object('error', SQLSTATE, 'detail', detail::jsonb);
END
$$;
EOT

# ---------- our own ----------

my $file = "$FindBin::RealBin/../vectors/blueprint.json";
my $vectors = slurp_file($file);
my $rows = $node->safe_psql('wrk', qq{
	SELECT (v @> outcome(v)), v ->> 'name', outcome(v)
	FROM jsonb_array_elements(\$vectors\$$vectors\$vectors\$) WITH ORDINALITY t (v, i) ORDER BY i});
my @rows = split /\n/, $rows;

cmp_ok(scalar @rows, '>=', 75, "vectors of $file");
for my $row (@rows)
{
	my ($good, $name, $outcome) = split /\|/, $row, 3;
	ok($good eq 't', $name) or diag($outcome);
}
# containment is not equality: an expected document must not have more than what came of it
is($node->safe_psql('wrk', qq{
	SELECT count(*) FROM jsonb_array_elements(\$vectors\$$vectors\$vectors\$) v
	WHERE v -> 'expected' IS DISTINCT FROM outcome(v) -> 'expected' OR v -> 'detail' IS DISTINCT FROM outcome(v) -> 'detail'}),
	0, 'and nothing else');
is($node->safe_psql('wrk', qq{
	SELECT string_agg(v ->> 'name', ', ') FROM jsonb_array_elements(\$vectors\$$vectors\$vectors\$) v
	WHERE v ->> 'fn' = 'diff' AND (wrk.blueprint_strip(call(jsonb_build_object('fn', 'patch', 'doc', v -> 'old', 'diff', v -> 'expected')),
			coalesce(v -> 'options', '{}'))
		<> wrk.blueprint_strip(v -> 'new', coalesce(v -> 'options', '{}')))}),
	'', 'every expected diff makes the new document of the old one');

# ---------- real revisions ----------

# a document's revisions replayed as diffs, forward and backward
sub replay
{
	my ($chain, $options) = @_;
	my @files = glob("$chain/r*.json");
	my $name = basename($chain) . " with options $options";

	$node->safe_psql('wrk', 'DROP TABLE IF EXISTS revision; CREATE TABLE revision (i int, doc jsonb)');
	for my $i (0 .. $#files)
	{
		my $text = slurp_file($files[$i]);
		$node->safe_psql('wrk', "INSERT INTO revision VALUES ($i, \$doc\$$text\$doc\$)");
	}
	my $out = $node->safe_psql('wrk', qq{
		WITH RECURSIVE change AS (
			SELECT i, lag(doc) OVER w AS before, doc AS after, wrk.blueprint_diff(lag(doc) OVER w, doc, '$options') AS diff
			FROM revision WINDOW w AS (ORDER BY i)
		), forward AS (
			SELECT i, doc FROM revision WHERE i = 0
			UNION ALL
			SELECT c.i, wrk.blueprint_patch(f.doc, c.diff) FROM forward f JOIN change c ON c.i = f.i + 1
		), backward AS (
			(SELECT i, doc FROM forward ORDER BY i DESC LIMIT 1)
			UNION ALL
			SELECT c.i - 1, wrk.blueprint_patch(b.doc, wrk.blueprint_invert(c.diff, f.doc))
			FROM backward b JOIN change c USING (i) JOIN forward f ON f.i = c.i - 1
		)
		SELECT (SELECT count(*) FROM forward),
			(SELECT bool_and(wrk.blueprint_strip(f.doc, '$options')::text = wrk.blueprint_strip(r.doc, '$options')::text)
				FROM forward f JOIN revision r USING (i)),
			(SELECT b.doc::text = r.doc::text FROM backward b JOIN revision r USING (i) WHERE i = 0),
			count(*) FILTER (WHERE diff = '{}'), sum(octet_length(diff::text)), sum(octet_length(after::text)),
			percentile_disc(0.5) WITHIN GROUP (ORDER BY octet_length(diff::text))
		FROM change WHERE i > 0});
	my ($count, $there, $back, $empty, $diffs, $docs, $median) = split /\|/, $out;

	is($count, scalar @files, "$name: all revisions are replayed");
	is($there, 't', "$name: every one is there to the byte");
	is($back, 't', "$name: and back to the first");
	diag("$name: $#files diffs, $empty of them empty, median $median bytes,"
		  . " together $diffs bytes instead of $docs");
}

for my $chain ($folder ? glob("$folder/blueprints/chains/*") : ())
{
	replay($chain, $_) for '{"ui": []}', '{}';
}

done_testing();
