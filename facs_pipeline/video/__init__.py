"""Stage 1: a file or a folder of images -> frames with real time stamps."""
