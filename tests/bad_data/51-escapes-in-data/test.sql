UPDATE page SET title = 'red' || char(27) || '[31m' || char(13) || char(10) || 'FAKE: approved' || char(8) WHERE id = 1;
DELETE FROM page WHERE id = 5;
INSERT INTO page VALUES (2, char(27) || ']0;title' || char(7), char(155) || '31m' || char(8238) || 'txt.exe' || char(8203)), (3, 'a
b', 'x');
INSERT INTO page VALUES (9, 'A' || char(27) || '[2J', 'unique');
