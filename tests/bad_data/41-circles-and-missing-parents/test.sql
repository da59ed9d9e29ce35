PRAGMA foreign_keys = OFF;
INSERT INTO a VALUES (1, 'a', 1); INSERT INTO b VALUES (1, 'b', 1);
INSERT INTO hard_a VALUES (1, 'a', 1); INSERT INTO hard_b VALUES (1, 'b', 1);
INSERT INTO parent VALUES (5, 'only on TEST');
INSERT INTO orphan VALUES (1, 'refers to a parent outside', 5), (2, 'refers to nothing', 77), (3, 'refers to none', NULL);
