"""FIX.4.2 as facts: fields, values, messages; fix/grammar.py says how it is read.

Source: the FIX specification of that version.
"""

FIELDS = """
AMT: 12=Commission 118=NetMoney 119=SettlCurrAmt 137=MiscFeeAmt 154=AllocNetMoney
  159=AccruedInterestAmt 381=GrossTradeAmt 396=SideValue1 397=SideValue2 404=LiquidityValue
  406=FairValue 408=ValueOfFutures 412=OutMainCntryUIndex
BOOLEAN: 43=PossDupFlag 97=PossResend 113=ReportToExch 114=LocateReqd 121=ForexReq 123=GapFillFlag
  130=IOINaturalFlag 141=ResetSeqNumFlag 208=NotifyBrokerOfCredit 266=AggregatedBook
  325=UnsolicitedIndicator 328=InViewOfCommon 329=DueToRelated 377=SolicitedFlag
  411=ExchangeForPhysical
CHAR: 4=AdvSide 13=CommType 20=ExecTransType 21=HandlInst 24=IOIOthSvc 25=IOIQltyInd
  28=IOITransType 29=LastCapacity 39=OrdStatus 40=OrdType 47=Rule80A 54=Side 59=TimeInForce
  61=Urgency 63=SettlmntTyp 71=AllocTransType 77=OpenClose 81=ProcessCode 94=EmailType
  104=IOIQualifier 125=CxlType 127=DKReason 139=MiscFeeType 150=ExecType 156=SettlCurrFxRateCalc
  160=SettlInstMode 163=SettlInstTransType 165=SettlInstSource 206=OptAttribute 219=Benchmark
  263=SubscriptionRequestType 269=MDEntryType 274=TickDirection 279=MDUpdateAction
  281=MDReqRejReason 285=DeleteReason 286=OpenCloseSettleFlag 291=FinancialStatus
  292=CorporateAction 317=UnderlyingOptAttribute 327=HaltReasonChar 374=BidRequestTransType
  385=MsgDirection 388=DiscretionInst 418=TradeType 419=BasisPxType 433=ListExecInstType
  434=CxlRejResponseTo 442=MultiLegReportingType
CURRENCY: 15=Currency 120=SettlCurrency 138=MiscFeeCurr 318=UnderlyingCurrency
DATA: 89=Signature 91=SecureData 96=RawData 213=XmlData 349=EncodedIssuer 351=EncodedSecurityDesc
  353=EncodedListExecInst 355=EncodedText 357=EncodedSubject 359=EncodedHeadline
  361=EncodedAllocText 363=EncodedUnderlyingIssuer 365=EncodedUnderlyingSecurityDesc
  446=EncodedListStatusText
DAYOFMONTH: 205=MaturityDay 314=UnderlyingMaturityDay
EXCHANGE: 30=LastMkt 100=ExDestination 207=SecurityExchange 275=MDMkt
  308=UnderlyingSecurityExchange
FLOAT: 155=SettlCurrFxRate 158=AccruedInterestRate 223=CouponRate 231=ContractMultiplier
  402=LiquidityPctLow 403=LiquidityPctHigh 405=EFPTrackingError 407=OutsideIndexPct
  410=WtAverageLiquidity 413=CrossPercent 435=UnderlyingCouponRate
  436=UnderlyingContractMultiplier
INT: 7=BeginSeqNo 9=BodyLength 16=EndSeqNo 33=LinesOfText 34=MsgSeqNum 36=NewSeqNo 45=RefSeqNum
  67=ListSeqNo 68=TotNoOrders 73=NoOrders 74=AvgPrxPrecision 78=NoAllocs 82=NoRpts 83=RptSeq
  85=NoDlvyInst 87=AllocStatus 88=AllocRejCode 98=EncryptMethod 102=CxlRejReason 103=OrdRejReason
  108=HeartBtInt 124=NoExecs 136=NoMiscFees 146=NoRelatedSym 157=NumDaysInterest
  169=StandInstDbType 172=SettlDeliveryType 197=AllocLinkType 199=NoIOIQualifiers 201=PutOrCall
  203=CoveredOrUncovered 204=CustomerOrFirm 209=AllocHandlInst 215=NoRoutingIDs 216=RoutingType
  264=MarketDepth 265=MDUpdateType 267=NoMDEntryTypes 268=NoMDEntries 287=SellerDays
  290=MDEntryPositionNo 295=NoQuoteEntries 296=NoQuoteSets 297=QuoteStatus 298=QuoteCancelType
  300=QuoteRejectReason 301=QuoteResponseLevel 303=QuoteRequestType 304=TotQuoteEntries
  315=UnderlyingPutOrCall 321=SecurityRequestType 323=SecurityResponseType
  326=SecurityTradingStatus 334=Adjustment 338=TradSesMethod 339=TradSesMode 340=TradSesStatus
  346=NumberOfOrders 368=QuoteEntryRejectReason 369=LastMsgSeqNumProcessed 371=RefTagID
  373=SessionRejectReason 378=ExecRestatementReason 380=BusinessRejectReason 382=NoContraBrokers
  383=MaxMessageSize 384=NoMsgTypes 386=NoTradingSessions 393=TotalNumSecurities 394=BidType
  395=NumTickets 398=NoBidDescriptors 399=BidDescriptorType 401=SideValueInd 409=LiquidityIndType
  414=ProgRptReqs 415=ProgPeriodInterval 416=IncTaxInd 417=NumBidders 420=NoBidComponents
  422=TotNoStrikes 423=PriceType 427=GTBookingInst 428=NoStrikes 429=ListStatusType
  430=NetGrossInd 431=ListOrderStatus 441=LiquidityNumSecurities
LENGTH: 90=SecureDataLen 93=SignatureLength 95=RawDataLength 212=XmlDataLen 348=EncodedIssuerLen
  350=EncodedSecurityDescLen 352=EncodedListExecInstLen 354=EncodedTextLen 356=EncodedSubjectLen
  358=EncodedHeadlineLen 360=EncodedAllocTextLen 362=EncodedUnderlyingIssuerLen
  364=EncodedUnderlyingSecurityDescLen 445=EncodedListStatusTextLen
LOCALMKTDATE: 51=SendingDate 64=FutSettDate 75=TradeDate 193=FutSettDate2 432=ExpireDate
MONTHYEAR: 200=MaturityMonthYear 313=UnderlyingMaturityMonthYear
MULTIPLEVALUESTRING: 18=ExecInst 276=QuoteCondition 277=TradeCondition
PRICE: 6=AvgPx 31=LastPx 44=Price 99=StopPx 132=BidPx 133=OfferPx 140=PrevClosePx 153=AllocAvgPx
  188=BidSpotRate 190=OfferSpotRate 194=LastSpotRate 202=StrikePrice 270=MDEntryPx
  316=UnderlyingStrikePrice 332=HighPx 333=LowPx 366=AllocPrice 426=DayAvgPx
PRICEOFFSET: 189=BidForwardPoints 191=OfferForwardPoints 195=LastForwardPoints 211=PegDifference
  218=SpreadToBenchmark 389=DiscretionOffset
QTY: 14=CumQty 32=LastShares 38=OrderQty 53=Shares 80=AllocShares 84=CxlQty 110=MinQty
  111=MaxFloor 134=BidSize 135=OfferSize 151=LeavesQty 152=CashOrderQty 192=OrderQty2 210=MaxShow
  271=MDEntrySize 293=DefBidSize 294=DefOfferSize 319=RatioQty 330=BuyVolume 331=SellVolume
  387=TotalVolumeTraded 424=DayOrderQty 425=DayCumQty 437=ContraTradeQty
STRING: 1=Account 2=AdvId 3=AdvRefID 5=AdvTransType 8=BeginString 10=CheckSum 11=ClOrdID 17=ExecID
  19=ExecRefID 22=IDSource 23=IOIid 26=IOIRefID 27=IOIShares 35=MsgType 37=OrderID 41=OrigClOrdID
  46=RelatdSym 48=SecurityID 49=SenderCompID 50=SenderSubID 55=Symbol 56=TargetCompID
  57=TargetSubID 58=Text 65=SymbolSfx 66=ListID 69=ListExecInst 70=AllocID 72=RefAllocID
  76=ExecBroker 79=AllocAccount 86=DlvyInst 92=BrokerOfCredit 105=WaveNo 106=Issuer
  107=SecurityDesc 109=ClientID 112=TestReqID 115=OnBehalfOfCompID 116=OnBehalfOfSubID 117=QuoteID
  128=DeliverToCompID 129=DeliverToSubID 131=QuoteReqID 142=SenderLocationID 143=TargetLocationID
  144=OnBehalfOfLocationID 145=DeliverToLocationID 147=Subject 148=Headline 149=URLLink
  161=AllocText 162=SettlInstID 164=EmailThreadID 166=SettlLocation 167=SecurityType
  170=StandInstDbName 171=StandInstDbID 173=SettlDepositoryCode 174=SettlBrkrCode
  175=SettlInstCode 176=SecuritySettlAgentName 177=SecuritySettlAgentCode
  178=SecuritySettlAgentAcctNum 179=SecuritySettlAgentAcctName 180=SecuritySettlAgentContactName
  181=SecuritySettlAgentContactPhone 182=CashSettlAgentName 183=CashSettlAgentCode
  184=CashSettlAgentAcctNum 185=CashSettlAgentAcctName 186=CashSettlAgentContactName
  187=CashSettlAgentContactPhone 196=AllocLinkID 198=SecondaryOrderID 214=SettlInstRefID
  217=RoutingID 262=MDReqID 278=MDEntryID 280=MDEntryRefID 282=MDEntryOriginator 283=LocationID
  284=DeskID 288=MDEntryBuyer 289=MDEntrySeller 299=QuoteEntryID 302=QuoteSetID
  305=UnderlyingIDSource 306=UnderlyingIssuer 307=UnderlyingSecurityDesc 309=UnderlyingSecurityID
  310=UnderlyingSecurityType 311=UnderlyingSymbol 312=UnderlyingSymbolSfx 320=SecurityReqID
  322=SecurityResponseID 324=SecurityStatusReqID 335=TradSesReqID 336=TradingSessionID
  337=ContraTrader 347=MessageEncoding 372=RefMsgType 375=ContraBroker 376=ComplianceID
  379=BusinessRejectRefID 390=BidID 391=ClientBidID 392=ListName 400=BidDescriptor 421=Country
  439=ClearingFirm 440=ClearingAccount 444=ListStatusText
UTCDATE: 272=MDEntryDate
UTCTIMEONLY: 273=MDEntryTime
UTCTIMESTAMP: 42=OrigTime 52=SendingTime 60=TransactTime 62=ValidUntilTime 122=OrigSendingTime
  126=ExpireTime 168=EffectiveTime 341=TradSesStartTime 342=TradSesOpenTime
  343=TradSesPreCloseTime 344=TradSesCloseTime 345=TradSesEndTime 367=QuoteSetValidUntilTime
  370=OnBehalfOfSendingTime 438=ContraTradeTime 443=StrikeTime
"""
"""By type: tag=name."""

VALUES = """
4 B S T X; 5 C N R; 13 1 2 3; 18 0 1 2 3 4 5 6 7 8 9 A B C D E F G I L M N O P R S T U V W; 20 0 1
  2 3; 21 1 2 3; 22 1 2 3 4 5 6 7 8 9; 25 H L M; 27 L M S; 28 C N R; 29 1 2 3 4; 39 0 1 2 3 4 5 6
  7 8 9 A B C D E; 40 1 2 3 4 5 6 7 8 9 A B C D E F G H I P; 47 A B C D E F H I J K L M N O P R S
  T U W X Y Z; 54 1 2 3 4 5 6 7 8 9; 59 0 1 2 3 4 5 6; 61 0 1 2; 63 0 1 2 3 4 5 6 7 8 9; 71 0 1 2
  3 4 5; 77 C O; 81 0 1 2 3 4 5 6; 87 0 1 2 3; 88 0 1 2 3 4 5 6 7; 94 0 1 2; 98 0 1 2 3 4 5 6; 102
  0 1 2 3; 103 0 1 2 3 4 5 6 7 8; 104 A C I L M O P Q R S T V W X Y Z; 127 A B C D E Z; 139 1 2 3
  4 5 6 7 8 9; 150 0 1 2 3 4 5 6 7 8 9 A B C D E; 160 0 1 2 3; 163 C N R; 165 1 2; 167 ? BA CB CD
  CMO CORP CP CPP CS FHA FHL FN FOR FUT GN GOVT IET MF MIO MPO MPP MPT MUNI NONE OPT PS RP RVRP SL
  TD USTB WAR ZOO; 169 0 1 2 3; 197 0 1; 201 0 1; 203 0 1; 204 0 1; 209 1 2 3; 216 1 2 3 4; 219 1
  2 3 4 5 6 7 8 9; 263 0 1 2; 265 0 1; 269 0 1 2 3 4 5 6 7 8 9; 274 0 1 2 3; 276 A B C D E F G H
  I; 277 A B C D E F G H I J K L M N; 279 0 1 2; 281 0 1 2 3 4 5 6 7 8; 285 0 1; 286 0 1 2; 291 1;
  292 A B C D E; 297 0 1 2 3 4 5; 298 1 2 3 4; 300 1 2 3 4 5 6 7 8 9; 301 0 1 2; 303 1 2; 321 0 1
  2 3; 323 1 2 3 4 5 6; 326 1 10 12 13 14 15 16 17 18 19 2 20 3 4 5 6 7 8 9; 327 D E I M P X; 334
  1 2 3; 338 1 2 3; 339 1 2 3; 340 1 2 3 4 5; 347 EUC-JP ISO-2022-JP Shift_JIS UTF-8; 368 1 2 3 4
  5 6 7 8 9; 373 0 1 10 11 2 3 4 5 6 7 8 9; 374 C N; 378 0 1 2 3 4 5; 380 0 1 2 3 4 5; 385 R S;
  388 0 1 2 3 4 5; 409 1 2 3 4; 414 1 2 3; 416 1 2; 418 A G J R; 419 2 3 4 5 6 7 8 9 A B C D Z;
  423 1 2 3; 427 0 1 2; 430 1 2; 433 1 2; 434 1 2; 442 1 2 3;
"""
"""Fields with a closed list of values."""

HEADER = """
8! 9! 35! 49! 56! 115 128 90 91 34! 50 142 57 143 116 144 129 145 43 97 52! 122 212 213 347 369
  370
"""

TRAILER = """
93 89 10!
"""

COMPONENTS = """

"""

MESSAGES = """
0 Heartbeat: 112
1 TestRequest: 112!
2 ResendRequest: 7! 16!
3 Reject: 45! 371 372 373 58 354 355
4 SequenceReset: 123 36!
5 Logout: 58 354 355
A Logon: 98! 108! 95 96 141 383 384(372 385)
8 ExecutionReport: 37! 198 11 41 109 76 382(375 337 437 438) 66 17! 20! 19 150! 39! 103 378 1 63
  64 55! 65 48 22 167 200 205 201 202 206 231 223 207 106 348 349 107 350 351 54! 38 152 40 44 99
  211 388 389 15 376 377 59 168 432 126 18 47 32 31 194 195 30 336 29 151! 14! 6! 424 425 426 427
  75 60 113 12 13 381 119 120 155 156 21 110 111 77 210 58 354 355 193 192 439 440 442
9 OrderCancelReject: 37! 198 11! 41! 39! 109 76 66 1 60 434! 102 58 354 355
B News: 42 61 148! 358 359 215(216 217) 146(46 65 48 22 167 200 205 201 202 206 231 223 207 106
  348 349 107 350 351) 33!(58! 354 355) 149 95 96
D NewOrderSingle: 11! 109 76 1 78(79 80) 63 64 21! 18 110 111 100 386(336) 81 55! 65 48 22 167 200
  205 201 202 206 231 223 207 106 348 349 107 350 351 140 54! 114 60! 38 152 40! 44 99 15 376 377
  23 117 59 168 432 126 427 12 13 47 121 120 58 354 355 193 192 77 203 204 210 211 388 389 439 440
E NewOrderList: 66! 390 391 414 394! 415 433 69 352 353 68! 73!(11! 67! 160 109 76 1 78(79 80) 63
  64 21 18 110 111 100 386(336) 81 55! 65 48 22 167 200 205 201 202 206 231 223 207 106 348 349
  107 350 351 140 54! 401 114 60 38 152 40 44 99 15 376 377 23 117 59 168 432 126 427 12 13 47 121
  120 58 354 355 193 192 77 203 204 210 211 388 389 439 440)
F OrderCancelRequest: 41! 37 11! 66 1 109 76 55! 65 48 22 167 200 205 201 202 206 231 223 207 106
  348 349 107 350 351 54! 60! 38 152 376 377 58 354 355
G OrderCancelReplaceRequest: 37 109 76 41! 11! 66 1 78(79 80) 63 64 21! 18 110 111 100 386(336)
  55! 65 48 22 167 200 205 201 202 206 231 223 207 106 348 349 107 350 351 54! 60! 38 152 40! 44
  99 211 388 389 376 377 15 59 168 432 126 427 12 13 47 121 120 58 354 355 193 192 77 203 204 210
  114 439 440
H OrderStatusRequest: 37 11! 109 1 76 55! 65 48 22 167 200 205 201 202 206 231 223 207 106 348 349
  107 350 351 54!
V MarketDataRequest: 262! 263! 264! 265 266 267!(269!) 146!(55! 65 48 22 167 200 205 201 202 206
  231 223 207 106 348 349 107 350 351 336)
W MarketDataSnapshotFullRefresh: 262 55! 65 48 22 167 200 205 201 202 206 231 223 207 106 348 349
  107 350 351 291 292 387 268!(269! 270! 15 271 272 273 274 275 336 276 277 282 283 284 286 59 432
  126 110 18 287 37 299 288 289 346 290 58 354 355)
X MarketDataIncrementalRefresh: 262 268!(279! 285 269 278 280 55 65 48 22 167 200 205 201 202 206
  231 223 207 106 348 349 107 350 351 291 292 270 15 271 272 273 274 275 336 276 277 282 283 284
  286 59 432 126 110 18 287 37 299 288 289 346 290 387 58 354 355)
Y MarketDataRequestReject: 262! 281 58 354 355
c SecurityDefinitionRequest: 320! 321! 55 65 48 22 167 200 205 201 202 206 231 223 207 106 348 349
  107 350 351 15 58 354 355 336 146(311 312 309 305 310 313 314 315 316 317 436 435 308 306 362
  363 307 364 365 319 54 318)
d SecurityDefinition: 320! 322! 323 393! 55 65 48 22 167 200 205 201 202 206 231 223 207 106 348
  349 107 350 351 15 336 58 354 355 146(311 312 309 305 310 313 314 315 316 317 436 435 308 306
  362 363 307 364 365 319 54 318)
j BusinessMessageReject: 45 372! 379 380! 58 354 355
"""

OTHERS = """
6=IOI 7=Advertisement C=Email J=Allocation K=ListCancelRequest L=ListExecute M=ListStatusRequest
  N=ListStatus P=AllocationInstructionAck Q=DontKnowTrade R=QuoteRequest S=Quote
  T=SettlementInstructions Z=QuoteCancel a=QuoteStatusRequest b=QuoteAcknowledgement
  e=SecurityStatusRequest f=SecurityStatus g=TradingSessionStatusRequest h=TradingSessionStatus
  i=MassQuote k=BidRequest l=BidResponse m=ListStrikePrice
"""
"""Kinds known by name alone."""
