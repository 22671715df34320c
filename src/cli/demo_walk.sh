U=@URL@; D=$(mktemp -d); J=$D/cookies
# 1. John signs in on the hosted page; the app gets a code
curl -sL -c $J -b $J -o $D/page "$U/oauth/authorize?response_type=code&client_id=naybitono-mobile&redirect_uri=http://127.0.0.1/callback&scope=openid+accounts:read&state=s1&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
CSRF=$(sed -n 's/.*name="csrf_token" value="\([^"]*\)".*/\1/p' $D/page)
CODE=$(curl -s -c $J -b $J -H "Origin: $U" -o $D/out -w '%{redirect_url}' $U/login -d csrf_token=$CSRF -d username=CUST_789456123 --data-urlencode password=@PASSWORD@ | sed -n 's/.*[?&]code=\([^&]*\).*/\1/p')
# 2. the app gets tokens
curl -s $U/oauth/token -d grant_type=authorization_code -d client_id=naybitono-mobile -d code=$CODE -d code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk | tee $D/tokens; echo
AT=$(sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p' $D/tokens); RT=$(sed -n 's/.*"refresh_token":"\([^"]*\)".*/\1/p' $D/tokens)
# 3. the bank's API asks: is it good?  -> "active":true
curl -s -u accounts-api:@API_SECRET@ $U/oauth/introspect -d token=$AT; echo
# 4. the fraud desk locks John: one call, all devices
DESK=$(curl -s -u fraud-desk:@DESK_SECRET@ $U/oauth/token -d grant_type=client_credentials | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
curl -s -H "Authorization: Bearer $DESK" -H 'Content-Type: application/json' $U/api/v1/customers/CUST_789456123/lockdown -d '{"reason":"phone stolen at 3:15"}'; echo
# 5. the same question again  -> exactly {"active":false}; and the refresh token is dead too
curl -s -u accounts-api:@API_SECRET@ $U/oauth/introspect -d token=$AT; echo
curl -s $U/oauth/token -d grant_type=refresh_token -d client_id=naybitono-mobile -d refresh_token=$RT; echo
# 6. John's identity was checked in a branch: unlock him (from this folder), and the walk can begin again
RESCIND_DATABASE_URL='@DATABASE@' RESCIND_KEYS_FOLDER='@KEYS@' '@RESCIND@' unlock CUST_789456123 --reason "identity checked in a branch"
