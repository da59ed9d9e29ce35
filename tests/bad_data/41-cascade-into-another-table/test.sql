PRAGMA foreign_keys = OFF; DELETE FROM page WHERE id < 4; DELETE FROM block WHERE id <> 4;
