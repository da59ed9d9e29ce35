INSERT INTO page SELECT id + 1000, 'x' || id || hex(zeroblob(2000)), 'y' FROM page;
