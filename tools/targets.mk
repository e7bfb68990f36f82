# Targets of the whole project, beside what PGXS brings (all, install, clean ...).

.PHONY: help deps gateway client console install-gateway uninstall-gateway test demo bench lint format sanitize fuzz clean-gateway
.DEFAULT_GOAL := all

help:
	@echo "make              build the extension and the gateway"
	@echo "make client       build the browser's package (sidecar/client/dist), and print what it weighs"
	@echo "make console      build the console's page (sidecar/console/dist), which a gateway can serve"
	@echo "make deps         install the Debian packages that are missing"
	@echo "make demo         run everything on a private cluster and watch changes arrive, in the terminal and on a page"
	@echo "                  (DEMO_ONCE=1 ends by itself with an exit status, DEMO_PAGE=1 goes to the page at once)"
	@echo "make test         the whole test suite, on private temporary clusters"
	@echo "                  (PARTS=\"sql tap\" only some of: sql isolation unit tap node client console load)"
	@echo "make install      install the extension and the gateway into the system"
	@echo "make installcheck pg_regress and isolation tests against a running server"
	@echo "make sanitize     gateway tests, and JSON code on random documents, under AddressSanitizer and UBSan"
	@echo "make fuzz         the latter with libFuzzer, FUZZ_SECONDS=60 each target"
	@echo "make bench        every figure we claim (bench/README.md)"
	@echo "make lint         formatting, sizes, include layers, static analysis"
	@echo "make format       lay the C sources out"
	@echo "make uninstall    remove both from the system"
	@echo "make clean        remove what was built, root's copy in /var/tmp too"

deps:
	@tools/deps

ifneq ($(wildcard $(PGXS)),)
all: gateway
install: install-gateway
uninstall: uninstall-gateway
else
all install uninstall installcheck:
	@echo "the server's headers are missing (pg_config --pgxs); run: make deps" >&2; exit 1
endif

# where man and systemd look, rather than below the server's version
gateway_mandir ?= /usr/share/man/man1
gateway_unitdir ?= /lib/systemd/system
# the page, which "make console" has built or not, and where it goes: static_dir of a gateway that serves it
console_dist ?= sidecar/console/dist
console_dir ?= $(datadir)/$(EXTENSION)/console

install-gateway: gateway
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) sidecar/wrk_copilot_gateway '$(DESTDIR)$(bindir)'
	$(MKDIR_P) '$(DESTDIR)$(gateway_mandir)' '$(DESTDIR)$(gateway_unitdir)'
	$(INSTALL_DATA) sidecar/wrk_copilot_gateway.1 '$(DESTDIR)$(gateway_mandir)'
	sed 's|@bindir@|$(bindir)|' sidecar/wrk_copilot_gateway.service >'$(DESTDIR)$(gateway_unitdir)/wrk_copilot_gateway.service'
	if [ -f $(console_dist)/index.html ]; then \
		rm -rf '$(DESTDIR)$(console_dir)' && $(MKDIR_P) '$(DESTDIR)$(console_dir)/assets' && \
		$(INSTALL_DATA) $(console_dist)/index.html '$(DESTDIR)$(console_dir)' && \
		$(INSTALL_DATA) $(console_dist)/assets/* '$(DESTDIR)$(console_dir)/assets'; \
	fi

uninstall-gateway:
	rm -rf '$(DESTDIR)$(console_dir)'
	rm -f '$(DESTDIR)$(bindir)/wrk_copilot_gateway' '$(DESTDIR)$(gateway_mandir)/wrk_copilot_gateway.1' \
		'$(DESTDIR)$(gateway_unitdir)/wrk_copilot_gateway.service'

gateway:
	$(MAKE) -C sidecar

client:
	@tools/npm sidecar/client
	@node sidecar/client/build.mjs

console:
	@tools/console

clean: clean-gateway
clean-gateway:
	$(MAKE) -C sidecar clean
	$(MAKE) -C bench clean
	rm -rf sidecar/client/dist sidecar/console/dist build tmp/check tmp/demo tmp/e2e tmp/fuzz tmp/lint tmp/sanitize tmp_check tmp_check_iso output_iso results log regression.diffs regression.out
	@tools/unroot --clean

# What PostgreSQL has a part in runs as an ordinary user; tools/unroot sees to it.
# The recipes call make anew, so that it looks again for what deps has installed.
test:
	@tools/deps $(if $(PARTS),$(filter console,$(PARTS)),console)
	@tools/unroot tools/check $(PARTS)

demo: deps
	@tools/unroot tools/demo

bench: deps
	@tools/unroot bench/run $(BENCH)

sanitize: deps
	@tools/unroot tools/sanitize

FUZZ_SECONDS ?= 60
fuzz:
	@tools/deps fuzz
	@tools/unroot tools/fuzz $(FUZZ_SECONDS) $(FUZZ)

lint:
	@tools/deps lint
	@tools/unroot tools/lint

# lays the C sources out as .clang-format says
format:
	clang-format-14 -i $$(find extension sidecar bench regress -name '*.[ch]')

# the value of a variable, for scripts: make -s print-REGRESS
print-%:
	@echo '$($*)'
