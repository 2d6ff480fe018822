const  a = {b:1 , c:"two"}
if(a){ console.log( a ) }
