global.counted = (global.counted || 0) + 1;
