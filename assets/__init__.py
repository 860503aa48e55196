"""Files the suite needs beside its code: scenes, weights, wordings."""
