// Elements that are moved four at a time: extents along the innermost axis, strides along the others and first elements are counted in fours.

alias Word = vec4<u32>;
