# Targets of the whole project, beside what PGXS brings (all, install, clean ...).

.PHONY: help deps gateway test demo bench lint sanitize check check-sql check-tap check-gateway check-node

help:
	@echo "make              build the extension and the gateway"
	@echo "make deps         install the Debian packages that are missing"
	@echo "make demo         run everything on a private cluster and watch changes arrive"
	@echo "                  (DEMO_ONCE=1 ends by itself with an exit status)"
	@echo "make test         the whole test suite, on private temporary clusters"
	@echo "make install      install the extension and the gateway into the system"
	@echo "make installcheck pg_regress and isolation tests against a running server"
	@echo "make sanitize     gateway tests under AddressSanitizer and UBSan"
	@echo "make bench        every figure we claim (bench/README.md)"
	@echo "make lint         formatting, sizes, include layers, static analysis"
	@echo "make clean        remove what was built"

deps:
	tools/deps

ifneq ($(wildcard $(PGXS)),)
all: gateway
endif

gateway:
	$(MAKE) -C sidecar

clean: clean-gateway
.PHONY: clean-gateway
clean-gateway:
	$(MAKE) -C sidecar clean
	rm -rf build tmp_check tmp_check_iso output_iso results log regression.diffs regression.out

# test and demo run as an ordinary user; tools/unroot sees to it
test: deps
	tools/unroot tools/check

demo: deps
	tools/unroot tools/demo

bench: deps
	tools/unroot bench/run $(BENCH)

sanitize: deps
	tools/unroot tools/sanitize

lint:
	tools/lint
