#!/bin/sh
# lint_layers.sh L0 L1 L2 L3 L4 UV PQ LWS SSL ZLIB: an include may go to the same or a lower
# layer, only the named files may know libuv, libpq, libwebsockets, OpenSSL and zlib, and README.md
# has them all. Run by `make lint-layers` in the folder of the sources.
status=0

layer_of() {
	n=0
	for files in "$L0" "$L1" "$L2" "$L3" "$L4"; do
		for f in $files; do
			[ "$f" = "$1" ] && { echo $n; return; }
		done
		n=$((n + 1))
	done
	echo none
}

complain() {
	echo "$1" >&2
	status=1
}

# known_to HEADER FILES: nobody else includes it
known_to() {
	for f in ./*.c ./*.h; do
		grep -q "#include *<$1>" "$f" || continue
		stem=$(basename "${f%.*}")
		case " $2 " in
			*" $stem "*) ;;
			*) complain "$f: only $2 may include <$1>" ;;
		esac
	done
}

L0=$1 L1=$2 L2=$3 L3=$4 L4=$5
for f in ./*.c ./*.h; do
	own=$(layer_of "$(basename "${f%.*}")")
	if [ "$own" = none ]; then
		complain "$f: is in no layer (see the Makefile)"
		continue
	fi
	includes=$(sed -n 's/^#include *"\([a-z_]*\)\.h".*/\1/p' "$f")
	for included in $includes; do
		other=$(layer_of "$included")
		if [ "$other" = none ]; then
			complain "$f: includes $included.h, which is in no layer"
		elif [ "$other" -gt "$own" ]; then
			complain "$f: layer $own includes $included.h of layer $other"
		fi
	done
done
known_to uv.h "$6"
known_to libpq-fe.h "$7"
known_to libwebsockets.h "$8"
known_to openssl/ssl.h "$9"
shift 9
known_to zlib.h "$1"

# the table of README.md has every file, in its layer
table=$(sed -n '/^| layer |/,/^$/p' README.md | sed 1,2d | tr -d '`' | while IFS='|' read -r _ number files _; do
	case $number in *[0-4]*) n=$number ;; esac
	for f in $files; do echo "$n $f"; done
done)
n=0
for files in "$L0" "$L1" "$L2" "$L3" "$L4"; do
	for f in $files; do
		echo "$table" | grep -qx " $n  $f" || complain "README.md: its table has no $f in layer $n"
	done
	n=$((n + 1))
done
[ $status = 0 ] && echo "layers: ok"
exit $status
