@problemName Vowels
@dimensions 2
@classLabel true a b
@data
5,5,5,9:2,2,2,2:b
