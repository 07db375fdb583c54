# The course's commands; `make` alone lists them. Plain GNU make 3.81 (macOS) is enough.
# VENV=folder puts the environment elsewhere; PYTHON=python3.12 chooses the Python that makes it.

VENV ?= .venv
PYTHON ?= python3
ONLY ?=
PARTS ?=
SEEDS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.vae-course-installed
COURSE := $(BIN)/python -m tools

define install
	@if [ -x $(BIN)/uv ]; then uv=$(BIN)/uv; else uv=$$(command -v uv); fi; \
	if [ -n "$$uv" ]; then "$$uv" pip install --python $(BIN)/python -e ".[$(1)]"; \
	else $(BIN)/python -m pip install -e ".[$(1)]"; fi
endef

.PHONY: help course test devices notebooks replicate assignments rehearsal lab explore site pdf bench lint format clean

help:
	@echo "make course      install into $(VENV), execute every chapter quickly, print a table (no network for data)"
	@echo "make test        run every check: style, tests, every chapter on the small data"
	@echo "make devices     run every chapter with a stand-in for an accelerator that refuses mixed tensors"
	@echo "make notebooks   execute the chapters in full on real data and renew notebooks/ (ONLY=02 for one)"
	@echo "make replicate   execute them in full under five fresh base seeds and count the claims that hold (hours; goes on)"
	@echo "make assignments renew the student notebooks of the graded assignments, and the cheat sheet"
	@echo "make rehearsal   take a made-up class through nbgrader: release, grade, feedback, marks"
	@echo "make lab         open the notebooks in JupyterLab"
	@echo "make explore     open the explorers in the browser: models on sliders, no kernel, no chapter to run"
	@echo "make site        build the course's site into build/site: read, search and play, no kernel, no network"
	@echo "make pdf         print the site as a book into build/pdf, without code and with it (needs Chromium)"
	@echo "make bench       measure speed and memory (about 12 minutes; PARTS=\"growth imports\" for some)"
	@echo "make lint        check the style of code and notebooks"
	@echo "make format      mend the style of code and notebook sources"
	@echo "make clean       remove what was built (the environment $(VENV) and data/ stay)"

course: $(STAMP)
	$(COURSE) quick $(if $(ONLY),--only $(ONLY))
	@echo
	@echo "Executed notebooks and HTML pages: build/quick"

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q
	$(COURSE) build --quick --output build/nbmake
	@if ls build/nbmake/*.ipynb >/dev/null 2>&1; then \
		echo "Every chapter on the small data:"; \
		env -u VAE_COURSE_DATA OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nbmake --nbmake-timeout=600 -n 2 --dist worksteal -q build/nbmake; \
	fi

# Beside the tests of the package with the stand-in, which `make test` runs.
devices: $(STAMP)
	@echo "Every chapter and assignment with a stand-in for an accelerator:"
	@env -u VAE_COURSE_DATA $(COURSE) quick --stand-in

notebooks: $(STAMP)
	@$(COURSE) full $(if $(ONLY),--only $(ONLY)); status=$$?; $(COURSE) results && exit $$status

replicate: $(STAMP)
	$(COURSE) replicate $(if $(ONLY),--only $(ONLY)) $(if $(SEEDS),--seeds $(SEEDS))

# nbgrader shows itself in every JupyterLab of its environment, so that only who needs it gets it.
$(BIN)/nbgrader: $(STAMP)
	$(call install,instructor)

assignments: $(BIN)/nbgrader
	$(COURSE) assignments
	$(COURSE) sheet

rehearsal: $(BIN)/nbgrader
	$(COURSE) rehearsal

lab: $(STAMP)
	$(BIN)/jupyter lab notebooks

explore: $(STAMP)
	@$(COURSE) explore

site: $(STAMP)
	$(COURSE) site

pdf: site
	$(COURSE) pdf

bench: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q -m bench
	$(BIN)/python -m benchmarks $(PARTS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

# Installed once; again when what is required changes.
$(STAMP): pyproject.toml requirements.txt
	@python=$(BIN)/python; test -x $$python || python=$(PYTHON); \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "The course needs Python 3.11 or newer; name one: make course PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || { echo "Creating the environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing (PyTorch alone is up to several GB; this can take some minutes)"
	$(call install,dev)
	@touch $@
