"""A run over many videos: what there is to do, workers, tables, what is done already."""
