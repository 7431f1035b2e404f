# Made-up series in the format of sktime: two dimensions, cases of different lengths.
@problemName Vowels
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength false
@classLabel true a b
@data
1,2,3:0,0,0:a
4,6:1,1:b
