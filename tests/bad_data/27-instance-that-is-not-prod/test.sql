INSERT INTO page VALUES (1, 'spring', 'Spring');
