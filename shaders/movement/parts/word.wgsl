// Elements that are moved: words, whatever their bits mean.

alias Word = u32;
