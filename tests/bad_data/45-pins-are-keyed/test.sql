INSERT INTO page VALUES (1, 'a', 'A', '600100200'); UPDATE page SET phone = '600100202' WHERE id = 2;
