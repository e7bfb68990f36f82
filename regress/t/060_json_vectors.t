# Patches of others: what JSON Patch and JSON Merge Patch make of a document.
# Runs regress/vectors/json_patch.json and json_merge_patch.json and, if
# WRK_VECTORS names a folder, the files of its folders json-patch-tests and rfc7396.
#
# A patch vector is {name, doc, patch} with the document it "expected", or an
# "error" (here its SQLSTATE, "op" and "path"; in json-patch-tests prose, and any
# of ours will do).  A merge patch vector is {name, original, patch, result}.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use File::Glob ':bsd_glob';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Wrk;

my $folder = $ENV{WRK_VECTORS} // '';
my $own = "$FindBin::RealBin/../vectors";
my $node = wrk_node('main', preload => 0);

note($folder ? "with the vectors of $folder" : 'with our own vectors');

# A row for each vector: what it is called, whether it ran, what it should end in
# and what it did.  The server reads the file, so nothing is lost on the way.
$node->safe_psql('wrk', <<'EOT');
CREATE FUNCTION outcome(function text, doc json, patch json) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	result jsonb;
	detail text;
BEGIN
	EXECUTE format('SELECT wrk.%I($1, $2)', function) INTO result USING doc::jsonb, patch::jsonb;
	RETURN jsonb_build_object('doc', result);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN jsonb_build_object('error', SQLSTATE) || detail::jsonb;
END
$$;

CREATE FUNCTION patch_vectors(vectors json) RETURNS TABLE (name text, wanted jsonb, got jsonb)
LANGUAGE sql AS $$
	SELECT coalesce(v->>'name', v->>'comment', v->>'patch'),
		CASE WHEN v->>'error' ~ '^WK' THEN jsonb_build_object('error', v->'error', 'op', v->'op', 'path', v->'path')
			WHEN v->'error' IS NOT NULL THEN '{"error": "WK4"}'
			WHEN v->'expected' IS NOT NULL THEN jsonb_build_object('doc', v->'expected')
			ELSE '{}' END,
		outcome('json_patch', v->'doc', v->'patch')
	FROM json_array_elements(vectors) WITH ORDINALITY u (v, i)
	-- a jsonb keeps one of two members of the same name, so nobody can refuse them
	WHERE v->'patch' IS NOT NULL AND NOT coalesce(v->>'error' ~ 'has two ''op'' members', false)
	ORDER BY i
$$;

CREATE FUNCTION merge_vectors(vectors json) RETURNS TABLE (name text, wanted jsonb, got jsonb)
LANGUAGE sql AS $$
	SELECT coalesce(v->>'name', v->>'patch'), jsonb_build_object('doc', v->'result'),
		outcome('json_merge_patch', v->'original', v->'patch')
	FROM json_array_elements(vectors) WITH ORDINALITY u (v, i)
	ORDER BY i
$$;

CREATE FUNCTION verdicts(wanted jsonb, got jsonb) RETURNS boolean LANGUAGE sql AS $$
	SELECT CASE WHEN wanted = '{}' THEN got ? 'doc'
		WHEN wanted = '{"error": "WK4"}' THEN got->>'error' ~ '^WK4'
		ELSE wanted = got END
$$;
EOT

# runs the vectors of a file; at least so many must be there
sub run_file
{
	my ($file, $function, $least) = @_;
	my $text = slurp_file($file);
	my $rows = $node->safe_psql('wrk',
		"SELECT verdicts(wanted, got), replace(name, E'\\n', ' ') || E'\\t' || wanted || ' ' || got\n"
		  . "FROM $function(\$vectors\$$text\$vectors\$)");
	my $n = 0;

	for my $row (split /\n/, $rows)
	{
		my ($verdict, $what) = split /\|/, $row, 2;
		my ($name, $outcome) = split /\t/, $what, 2;

		ok($verdict eq 't', $name) or diag("wanted and got: $outcome");
		$n++;
	}
	cmp_ok($n, '>=', $least, "vectors of $file");
}

run_file("$own/json_patch.json", 'patch_vectors', 70);
run_file("$own/json_merge_patch.json", 'merge_vectors', 10);
if ($folder)
{
	run_file($_, 'patch_vectors', 15) for glob("$folder/json-patch-tests/*.json");
	run_file($_, 'merge_vectors', 15) for glob("$folder/rfc7396/*.json");
}

done_testing();
