"""Stage 4: landmarks -> registered texture, uniform LBP, HOG and shape."""
