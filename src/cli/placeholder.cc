namespace ds { }
