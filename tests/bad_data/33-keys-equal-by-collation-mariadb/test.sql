INSERT INTO page VALUES (1, 'Spring', 'Spring'), (2, 'summer', 'Summer'), (3, 'SUMMER', 'Another summer'), (4, 'spring ', 'Space at the end');
INSERT INTO color VALUES ('RED', 'Red'), ('blue', 'Blue!');
