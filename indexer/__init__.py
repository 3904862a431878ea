"""Files to a searchable index: decoding, windows, Catalog, VectorIndex, Store, building, ranking."""
