UPDATE page SET api_key = 'new-SECRET-1' WHERE id = 1; DELETE FROM page WHERE id = 2;
INSERT INTO page VALUES (3, 'c', 'C', 'new-SECRET-3', 's');
