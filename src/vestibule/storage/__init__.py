"""Where rows live: the engine, the unit of work and the migrations."""
