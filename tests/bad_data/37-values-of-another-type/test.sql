INSERT INTO page VALUES (1, 'spring', 'Spring', 3);
INSERT INTO stock VALUES (7, 'A-1', 'sold out');
