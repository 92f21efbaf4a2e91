// A mirror, a torus and a texture of noise, for povray.
camera { location <0, 2, -5> look_at <0, 0.6, 0> }
light_source { <4, 6, -4> rgb 1 }
plane { y, 0 pigment { checker rgb 0.2 rgb <0.9, 0.8, 0.6> } finish { reflection 0.2 } }
sphere { <-1, 1, 0>, 1 pigment { rgb <0.7, 0.1, 0.1> } finish { reflection 0.3 phong 1 } }
torus { 0.8, 0.25 rotate 60 * x translate <1.3, 0.8, 0.4> pigment { bozo scale 0.3 color_map { [0 rgb 1] [1 rgb <0, 0.3, 0.6>] } } }
