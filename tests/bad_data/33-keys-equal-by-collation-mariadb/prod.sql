INSERT INTO page VALUES (1, 'spring', 'Spring'), (2, 'summer', 'Summer');
INSERT INTO color VALUES ('red', 'Red'), ('blue', 'Blue');
